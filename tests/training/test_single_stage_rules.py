"""Rules of BigNAS one by one: dropout, decay, statistics, zero-gamma, soft labels; mistakes."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict

from scalenas.arch.strict import ArchError
from scalenas.errors import ConfigError
from scalenas.training.distillation import Distillation
from scalenas.training.launch import check_statistics
from scalenas.training.losses import soft_divergence
from tests.errors import contains, raises

from .conftest import BIGNAS, SEGMENTOR, batch
from .sandwich import grads_of, losses_of, segmentor


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
        live = {id(p) for _, p in decayed.backbone.active_parameters(arch)}
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
    where = 'x.py: val_cfg.type'
    with raises(ConfigError, where=where, got='ValLoop', allowed=contains('SubnetValLoop')):
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


@pytest.mark.parametrize(
    ('change', 'error', 'where', 'fields'),
    [
        (dict(backward='each_one'), ArchError, 'backward', dict(hint=contains("'each'"))),
        (dict(dropout='none'), ArchError, 'dropout', dict(allowed=contains('all', 'largest'))),
        (
            dict(dropout='largest', sampler=dict(type='uniform')),
            ConfigError,
            'model.dropout',
            dict(got='largest', hint=contains('sandwich')),
        ),
        (dict(child_decay=-1), ConfigError, 'model.child_decay', dict(got=-1)),
        (
            dict(distillation={**BIGNAS, 'temperature': None}),
            ConfigError,
            'distillation.temperature',
            dict(got=None),
        ),
        (
            dict(distillation={**BIGNAS, 'temperature': 0}),
            ConfigError,
            'distillation.temperature',
            dict(got=0),
        ),
        (
            dict(distillation={**BIGNAS, 'loss': 'mse'}),
            ConfigError,
            'distillation.temperature',
            dict(got=1.0, allowed=contains('None', 'mse')),
        ),
        (
            dict(distillation={**BIGNAS, 'loss': 'kld'}),
            ArchError,
            'distillation.loss',
            dict(got='kld', hint=contains("'kl'")),
        ),
        (
            dict(distillation={**BIGNAS, 'teacher': 'frozen'}),
            ConfigError,
            'distillation.teacher',
            dict(got='frozen', allowed="'inplace'"),
        ),
    ],
)
def test_wrong_options_are_one_line(bignas, change, error, where, fields):
    with raises(error, where=where, **fields):
        bignas(init=False, **copy.deepcopy(change))


def test_what_cannot_be_compared_is_one_line():
    wanted = Distillation.from_dict(BIGNAS)
    one, two = torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4)
    with raises(ConfigError, where='distillation.loss', got=(2, 1, 4, 4)):
        wanted.compare([one], [one], None)
    shapes = dict(got=[(2, 1, 4, 4)], allowed=contains('[(2, 3, 4, 4)]'))
    with raises(ConfigError, where='distillation.tap', **shapes):
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
