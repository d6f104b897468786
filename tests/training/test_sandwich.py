"""The sandwich of BigNAS: one update a step, labels for the largest alone, two ways of backward."""

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

from scalenas.errors import ConfigError
from scalenas.training.launch import _give_each_a_backward, check_parallel
from scalenas.training.step import SuperNetDDP
from tests.errors import contains, raises

from .conftest import BIGNAS, batch
from .sandwich import LabelReachedAChildError, grads_of, losses_of, segmentor

MEMORY = Path(__file__).parents[2] / 'benchmarks' / 'memory.py'


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
        if not self.allowed():
            raise LabelReachedAChildError
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
    with pytest.raises(LabelReachedAChildError):
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
    key = 'x.py: model_wrapper_cfg: find_unused_parameters'
    with raises(ConfigError, where=key, got=False, allowed=contains('True')):
        check_parallel(cfg, model)
    cfg.model_wrapper_cfg.find_unused_parameters = True
    check_parallel(cfg, model)
    other = cfg.model_wrapper_cfg.type = 'MMFullyShardedDataParallel'
    with raises(ConfigError, where='x.py: model_wrapper_cfg.type', got=other):
        _give_each_a_backward(cfg)
    with raises(ConfigError, where=contains('SuperNetDDP'), got='Linear'):
        SuperNetDDP(torch.nn.Linear(1, 1))
