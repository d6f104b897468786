"""The sandwich of BigNAS: one update a step, labels for the largest alone, two ways of backward."""

import copy
import functools
import gc
import runpy
from pathlib import Path

import mmengine.optim.optimizer.amp_optimizer_wrapper as amp
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from scalenas.arch.strict import ArchError
from scalenas.config import ConfigError
from scalenas.training.distillation import Distillation
from scalenas.training.launch import _give_each_a_backward, check_parallel, check_statistics
from scalenas.training.losses import soft_divergence
from scalenas.training.step import SuperNetDDP

from .conftest import SEGMENTOR, batch

MEMORY = Path(__file__).parents[2] / 'benchmarks' / 'memory.py'
SANDWICH = dict(type='sandwich', seed=5, num_random=2)
TAP = 'decode_head.conv_seg'
BIGNAS = dict(tap=TAP, teacher='inplace', loss='kl', temperature=1.0, labels='largest')


def segmentor(**head):
    found = copy.deepcopy(SEGMENTOR)
    found['decode_head'].update(head)
    return found


@pytest.fixture
def bignas(supernet):
    """A SuperNet with the rules of BigNAS, except for what a test changes."""

    def build(**changes):
        options = dict(distillation=BIGNAS, dropout='largest', track_norms=False)
        return supernet(changes.pop('sampler', SANDWICH), **{**options, **changes})

    return build


def losses_of(model, data):
    return model(**model.data_preprocessor(data, True), mode='loss')


def grads_of(model, data, wrapper=OptimWrapper, **options):
    """Gradients that one step gives to an optimizer that changes nothing."""
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    kept = {}
    sgd.register_step_pre_hook(
        lambda *_: kept.update({n: p.grad for n, p in model.named_parameters()})
    )
    logs = model.train_step(data, wrapper(optimizer=sgd, **options))
    return kept, logs


def test_a_step_of_four_subnets_is_one_update(bignas, iteration):
    for backward, passes in (('summed', 1), ('each', 4)):
        model = bignas(backward=backward)
        archs, updates, backwards = [], [], []
        model.backbone.register_forward_pre_hook(lambda m, _, a=archs: a.append(m.active_arch))
        sgd = torch.optim.SGD(model.parameters(), lr=0.01)
        sgd.register_step_post_hook(lambda *_, u=updates: u.append(1))
        wrapper = OptimWrapper(sgd)
        one = wrapper.backward
        wrapper.backward = lambda loss, b=backwards, one=one: (b.append(1), one(loss))
        for i in range(3):
            iteration(i)
            model.train_step(batch(seed=i), wrapper)
        space = model.backbone.space
        assert len(archs) == 3 * 4
        assert archs[::4] == [space.largest()] * 3
        assert archs[1::4] == [space.smallest()] * 3
        assert len(updates) == 3
        assert len(backwards) == 3 * passes
        assert wrapper.inner_count == 3


@pytest.mark.parametrize('inactive', ['skip', 'decay'])
@pytest.mark.parametrize('labels', ['all', 'largest'])
def test_both_forms_give_the_same_gradients(bignas, inactive, labels):
    found = []
    for backward in ('summed', 'each'):
        model = bignas(
            backward=backward,
            inactive=inactive,
            child_decay=1e-3,
            architecture=segmentor(dropout_ratio=0.5),
            distillation={**BIGNAS, 'labels': labels},
        ).double()
        torch.manual_seed(7)
        found.append(grads_of(model, batch(seed=3)))
    (summed, logs), (each, others) = found
    assert any(grad is not None and grad.abs().max() > 0 for grad in summed.values())
    for name, grad in summed.items():
        assert (grad is None) == (each[name] is None), name
        if grad is not None:
            torch.testing.assert_close(each[name], grad, rtol=1e-10, atol=1e-10)
    assert set(logs) == set(others)
    for name, value in logs.items():
        torch.testing.assert_close(others[name], value.detach(), rtol=1e-10, atol=1e-10)


def test_the_gradient_is_the_sum_of_four_separate_ones(bignas):
    """By hand: labels for the largest, the others' divergence from its detached prediction."""
    model = bignas(architecture=segmentor()).double()
    data = model.data_preprocessor(batch(seed=3), True)
    together, _ = grads_of(model, batch(seed=3))
    archs = model.sampler.archs(0)
    total = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for arch in archs:
        model.zero_grad()
        with model.active(arch):
            logits = model(**data, mode='tensor')
        if arch == archs[0]:
            soft = logits.detach().softmax(1)
            with model.active(arch):
                loss = model.architecture(**data, mode='loss')['decode.loss_ce']
        else:
            loss = -(soft * logits.log_softmax(1)).sum(1).mean()  # the soft cross entropy
        loss.backward()
        for name, p in model.named_parameters():
            if p.grad is not None:
                total[name] += p.grad
    for name, grad in together.items():
        if grad is not None:
            torch.testing.assert_close(grad, total[name], rtol=1e-8, atol=1e-12)


class Poisoned(SegDataSample):
    """Raises when somebody looks at the labels while another net than the largest is active."""

    allowed = staticmethod(lambda: True)

    @property
    def gt_sem_seg(self):
        assert self.allowed(), 'a label reached a child'
        return self._gt_sem_seg

    @gt_sem_seg.setter
    def gt_sem_seg(self, value):
        self.set_field(value, '_gt_sem_seg', dtype=PixelData)

    def __contains__(self, item):
        return super().__contains__('_gt_sem_seg' if item == 'gt_sem_seg' else item)


def poisoned(allowed, **options):
    data = batch(**options)
    kind = type('Trap', (Poisoned,), dict(allowed=staticmethod(allowed)))
    samples = []
    for old in data['data_samples']:
        sample = kind(metainfo=old.metainfo)
        sample.gt_sem_seg = old.gt_sem_seg
        samples.append(sample)
    return dict(inputs=data['inputs'], data_samples=samples)


@pytest.mark.parametrize('backward', ['summed', 'each'])
def test_no_label_reaches_a_child_but_the_largest(bignas, backward):
    def run(model):
        largest = model.backbone.space.largest()
        data = poisoned(lambda: model.backbone.active_arch == largest)
        data = model.data_preprocessor(data, True)
        sgd = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
        model.data_preprocessor.forward = lambda data, training: data
        return model.train_step(data, sgd)

    logs = run(bignas(backward=backward))
    assert 'net3.loss_kd' in logs
    assert not any(key.startswith('net') and 'decode' in key for key in logs)
    with pytest.raises(AssertionError, match='a label reached a child'):
        run(bignas(backward=backward, distillation={**BIGNAS, 'labels': 'all'}))


def test_other_labels_leave_what_children_learn_as_it_is(bignas):
    model = bignas(architecture=segmentor())
    one, other = batch(seed=3), batch(seed=3)
    for sample in other['data_samples']:
        labels = 3 - sample.gt_sem_seg.data
        labels[:, ::2] = 255
        sample.gt_sem_seg = PixelData(data=labels)
    first, second = losses_of(model, one), losses_of(model, other)
    assert not torch.equal(first['decode.loss_ce'], second['decode.loss_ce'])
    names = [f'net{k}.loss_kd' for k in (1, 2, 3)]
    assert [name for name in first if name.startswith('net')] == names
    for name in names:
        assert first[name] > 0
        assert torch.equal(first[name], second[name])
    # Asked to leave out what has no label, they learn from where that is.
    told = bignas(architecture=segmentor(), distillation={**BIGNAS, 'ignore_index': 255})
    assert all(losses_of(told, one)[n] != losses_of(told, other)[n] for n in names)


@pytest.mark.parametrize('backward', ['summed', 'each'])
def test_accumulation_over_two_steps(bignas, iteration, backward):
    """Two steps, one update, of the mean of their gradients; the third and last counts alone."""
    model = bignas(backward=backward, architecture=segmentor()).double()
    alone = []
    for i in range(3):
        iteration(i)
        alone.append(grads_of(model, batch(seed=i))[0])
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    seen = []
    sgd.register_step_pre_hook(
        lambda *_: seen.append({n: p.grad.clone() for n, p in model.named_parameters()})
    )
    wrapper = OptimWrapper(sgd, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 3)
    for i in range(3):
        iteration(i)
        model.train_step(batch(seed=i), wrapper)
    assert len(seen) == 2
    for name, grad in seen[0].items():
        wanted = (alone[0][name] + alone[1][name]) / 2
        torch.testing.assert_close(grad, wanted, rtol=1e-9, atol=1e-12)
    for name, grad in seen[1].items():
        torch.testing.assert_close(grad, alone[2][name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('backward', ['summed', 'each'])
def test_mixed_precision_scales_every_backward(bignas, monkeypatch, backward):
    """mmengine's own AMP wrapper, which wants a GPU, with torch's scaler for the CPU."""
    monkeypatch.setattr(amp, 'is_cuda_available', lambda: True)
    monkeypatch.setattr(amp, 'GradScaler', functools.partial(torch.amp.GradScaler, 'cpu'))
    model = bignas(backward=backward, architecture=segmentor())
    plain, _ = grads_of(model, batch(seed=3))
    options = dict(dtype='bfloat16', clip_grad=dict(max_norm=1e9))  # to see them unscaled
    mixed, logs = grads_of(model, batch(seed=3), AmpOptimWrapper, **options)
    assert logs['net3.loss_kd'].dtype == torch.float32
    norms = [torch.cat([g.flatten() for g in side.values()]).norm() for side in (plain, mixed)]
    assert norms[1] / norms[0] == pytest.approx(1, abs=0.1)


def test_dropout_of_the_largest_alone(bignas):
    head = segmentor(dropout_ratio=0.5)
    for dropout, children in (('largest', False), ('all', True)):
        model = bignas(architecture=head, dropout=dropout, backward='summed')
        seen = []
        model.architecture.decode_head.dropout.register_forward_pre_hook(
            lambda m, _, s=seen: s.append(m.training)
        )
        losses_of(model, batch())
        assert seen == [True, children, children, children]
        assert model.architecture.decode_head.dropout.training


def test_drop_path_rests_too(bignas):
    from mmcv.cnn.bricks import DropPath as Theirs

    from scalenas.models.blocks import DropPath as Ours
    from scalenas.training.regularization import without_dropout

    model = torch.nn.Sequential(Theirs(0.5), Ours(0.5), torch.nn.Dropout(0.5)).train()
    model[0].eval()
    x = torch.ones(64, 1)
    with without_dropout(model):
        assert torch.equal(model(x), x)
    assert [module.training for module in model] == [False, True, True]


def test_child_decay_is_weight_decay_of_what_each_child_uses(bignas):
    rate = 1e-2
    plain = bignas(architecture=segmentor()).double()
    decayed = bignas(architecture=segmentor(), child_decay=rate).double()
    without, _ = grads_of(plain, batch(seed=3))
    with_, logs = grads_of(decayed, batch(seed=3))
    assert 'loss_decay' not in logs
    assert logs['net1.loss_decay'] > 0
    uses = dict.fromkeys(without, 0)
    for arch in decayed.sampler.archs(0)[1:]:
        live = {id(p) for _, p in decayed.backbone.live_parameters(arch)}
        for name, p in decayed.named_parameters():
            if id(p) in live or not name.startswith('architecture.backbone.'):
                uses[name] += p.dim() > 1
    assert set(uses.values()) >= {0, 1, 3}
    for name, p in decayed.named_parameters():
        wanted = without[name] + rate * uses[name] * p.detach()
        torch.testing.assert_close(with_[name], wanted, rtol=1e-9, atol=1e-12)


def test_statistics_are_tracked_or_not(bignas):
    for track in (False, True):
        model = bignas(track_norms=track)
        before = {k: v.clone() for k, v in model.state_dict().items() if 'running' in k}
        losses_of(model, batch())
        after = model.state_dict()
        same = [torch.equal(value, after[key]) for key, value in before.items()]
        assert all(same) is not track
        assert len(same) > 50


def test_without_statistics_every_validation_calibrates(bignas):
    model, loaders = bignas(), ('train_dataloader', 'val_dataloader')
    cfg = ConfigDict(filename='x.py', val_cfg=dict(type='scalenas.SubnetValLoop'))
    check_statistics(cfg, model, loaders)
    cfg.val_cfg.type = 'ValLoop'
    check_statistics(cfg, model, loaders[:1])
    check_statistics(cfg, bignas(track_norms=True), loaders)
    with pytest.raises(ConfigError, match=r"val_cfg must be .*SubnetValLoop.*got 'ValLoop'"):
        check_statistics(cfg, model, loaders)


def test_zero_gamma_makes_every_residual_block_an_identity(bignas):
    """Every one: its two or three norms end in one that is zero, and no other norm is."""
    backbone = {**SEGMENTOR['backbone'], 'zero_init_residual': True}
    model = bignas(architecture={**SEGMENTOR, 'backbone': backbone})
    blocks = [m for m in model.modules() if hasattr(m, 'conv2') and hasattr(m, 'bn2')]
    blocks = [m for m in blocks if m is not model.backbone]  # its stem has two of them, too
    assert len(blocks) > 20
    lasts = {id(getattr(block, 'bn3', block.bn2)) for block in blocks}
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(bool(m.weight.any()) is not (id(m) in lasts) for m in norms)
    x = torch.rand(2, blocks[-1].conv1.in_channels, 8, 8)
    assert torch.equal(blocks[-1](x), x)
    plain = bignas()
    assert all(m.weight.all() for m in plain.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_one_backward_each_holds_one_graph(bignas):
    """What autograd keeps for the backward, at its highest: the largest net, or all four."""
    kept_for_backward = runpy.run_path(str(MEMORY))['kept_for_backward']
    peaks = {}
    for backward in ('summed', 'each'):
        model = bignas(backward=backward, architecture=segmentor())
        wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
        gc.collect()
        with kept_for_backward(model) as peak:
            model.train_step(batch(), wrapper)
        peaks[backward] = peak()
    assert peaks['each'] < 0.5 * peaks['summed']


def test_several_processes_are_told_what_they_need(bignas):
    model = bignas(backward='each')
    cfg = ConfigDict(filename='x.py', launcher='pytorch', model=dict(backward='each'))
    _give_each_a_backward(cfg)
    assert cfg.model_wrapper_cfg == dict(
        type='scalenas.SuperNetDDP', broadcast_buffers=False, find_unused_parameters=False
    )
    with pytest.raises(ConfigError, match='find_unused_parameters = True'):
        check_parallel(cfg, model)
    cfg.model_wrapper_cfg.find_unused_parameters = True
    check_parallel(cfg, model)
    cfg.model_wrapper_cfg.type = 'MMFullyShardedDataParallel'
    with pytest.raises(ConfigError, match='leave the type out'):
        _give_each_a_backward(cfg)
    with pytest.raises(ConfigError, match=r'not for Linear'):
        SuperNetDDP(torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    ('change', 'error', 'words'),
    [
        (dict(backward='each_one'), ArchError, "did you mean 'each'"),
        (dict(dropout='none'), ArchError, 'all, largest'),
        (dict(dropout='largest', sampler=dict(type='uniform')), ConfigError, 'model.dropout'),
        (dict(child_decay=-1), ConfigError, 'from 0 to below 1, got -1'),
        (dict(distillation={**BIGNAS, 'temperature': None}), ConfigError, 'BigNAS has 1.0'),
        (dict(distillation={**BIGNAS, 'temperature': 0}), ConfigError, 'expected > 0, got 0'),
        (dict(distillation={**BIGNAS, 'loss': 'mse'}), ConfigError, "only with loss='kl'"),
        (dict(distillation={**BIGNAS, 'loss': 'kld'}), ArchError, "did you mean 'kl'"),
        (dict(distillation={**BIGNAS, 'teacher': 'frozen'}), ConfigError, "teacher='inplace'"),
    ],
)
def test_wrong_options_are_one_line(bignas, change, error, words):
    with pytest.raises(error) as caught:
        bignas(init=False, **copy.deepcopy(change))
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)


def test_what_cannot_be_compared_is_one_line():
    wanted = Distillation.from_dict(BIGNAS)
    one, two = torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4)
    with pytest.raises(ConfigError, match=r"'kl' compares two or more classes.*use loss='mse'"):
        wanted.compare([one], [one], None)
    with pytest.raises(ConfigError, match=r'gives \[\(2, 1, 4, 4\)\] in a sub-net and \[\(2, 3'):
        wanted.compare([one], [two], None)


def test_soft_divergence_by_hand():
    """Against torch's own, its gradient against that of the soft cross entropy, and the mask."""
    rng = torch.Generator().manual_seed(0)
    output = torch.randn(2, 5, 3, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 5, 3, 4, generator=rng, dtype=torch.float64)
    for temperature in (1.0, 4.0):
        found = soft_divergence(output, target, temperature)
        logs, soft = (output / temperature).log_softmax(1), (target / temperature).softmax(1)
        theirs = torch.nn.functional.kl_div(logs, soft, reduction='none').sum(1).mean()
        torch.testing.assert_close(found, temperature**2 * theirs)
        cross_entropy = -(temperature**2) * (soft * logs).sum(1).mean()
        grads = [torch.autograd.grad(loss, output)[0] for loss in (found, cross_entropy)]
        torch.testing.assert_close(*grads)
        keep = torch.zeros(2, 1, 3, 4, dtype=torch.bool)
        keep[0, 0, 1] = True
        part = soft_divergence(output[:1, :, 1:2], target[:1, :, 1:2], temperature)
        torch.testing.assert_close(soft_divergence(output, target, temperature, keep), part)
    assert soft_divergence(target, target) == 0
    assert soft_divergence(output, target, 1.0, ~keep & keep) == 0
    assert soft_divergence(target.half(), target.half()).dtype == torch.float32
