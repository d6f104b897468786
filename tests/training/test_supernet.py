"""SuperNet around mmseg and mmpretrain models: sub-nets, losses, inactive weights."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper

from scalenas.arch.strict import ArchError
from scalenas.errors import ConfigError, TrainingError, UserError
from scalenas.registry import MODELS
from tests.errors import contains, raises

from .conftest import SEGMENTOR, SPACE, batch, new_hub

GROUPED = dict(type='grouped', seed=3)
KD = dict(tap='decode_head.conv_seg', teacher='inplace')


def losses_of(model, data):
    return model(**model.data_preprocessor(data, True), mode='loss')


def test_one_subnet_per_iteration_is_the_active_one(supernet, iteration):
    model = supernet(GROUPED)
    seen = []
    model.backbone.register_forward_pre_hook(lambda m, _: seen.append(m.active_arch))
    for i in (5, 6, 5):
        iteration(i)
        losses_of(model, batch())
    expected = [model.sampler.archs(i)[0] for i in (5, 6, 5)]
    assert seen == expected
    assert seen[0] == seen[2] != seen[1]
    assert model.backbone.active_arch == model.backbone.space.largest()


def test_losses_are_the_task_models_own(supernet, iteration):
    """A step's loss is the plain EncoderDecoder's loss with the sampled sub-net active."""
    model = supernet(GROUPED)
    iteration(4)
    (arch,) = model.sampler.archs(4)
    ours = losses_of(model, batch())
    with model.active(arch):
        plain = model.architecture(**model.data_preprocessor(batch(), True), mode='loss')
    assert list(ours) == list(plain) == ['decode.loss_ce', 'decode.acc_seg']
    assert torch.equal(ours['decode.loss_ce'], plain['decode.loss_ce'])


def test_prediction_is_the_task_models_own(supernet):
    model = supernet().eval()
    data = model.data_preprocessor(batch(), False)
    smallest = model.backbone.space.smallest()
    with torch.no_grad(), model.active(smallest):
        ours = model(**data, mode='tensor')
        plain = model.architecture(**data, mode='tensor')
        predicted = model.val_step(batch())
    assert torch.equal(ours, plain)
    assert predicted[0].pred_sem_seg.data.shape == (1, 64, 64)
    assert not torch.equal(ours, model(**data, mode='tensor'))


def test_sandwich_is_one_summed_loss_with_no_key_lost(supernet):
    model = supernet(dict(type='sandwich', num_random=1))
    losses = losses_of(model, batch())
    assert [key for key in losses if 'loss' in key] == [
        'decode.loss_ce',
        'net1.decode.loss_ce',
        'net2.decode.loss_ce',
    ]
    total, _ = model.parse_losses(losses)
    alone = []
    for arch in model.sampler.archs(0):
        with model.active(arch):
            part = model.architecture(**model.data_preprocessor(batch(), True), mode='loss')
        alone.append(part['decode.loss_ce'])
    assert torch.allclose(total, sum(alone), rtol=1e-6)


def test_inplace_teacher_is_the_detached_largest_net(supernet):
    model = supernet(dict(type='sandwich', num_random=0), distillation=KD)
    losses = losses_of(model, batch())
    assert 'loss_kd' not in losses
    logits = {}
    for name in ('largest', 'smallest'):
        with model.active(getattr(model.backbone.space, name)()):
            logits[name] = model(**model.data_preprocessor(batch(), True), mode='tensor')
    expected = (logits['largest'] - logits['smallest']).square().mean()
    assert torch.allclose(losses['net1.loss_kd'], expected, rtol=1e-5)
    model.zero_grad()
    losses['net1.loss_kd'].backward()
    deepest = model.backbone.stage4[0].branches[0][2].conv1.weight
    assert deepest.grad is None, 'the teacher must not learn from its pupil'


def step(model, optimizer):
    return model.train_step(batch(seed=7), OptimWrapper(optimizer))


def unused_by(model, iterations):
    live = set()
    for i in iterations:
        for arch in model.sampler.archs(i):
            live |= {id(p) for _, p in model.backbone.active_parameters(arch)}
    return [p for p in model.backbone.parameters() if id(p) not in live]


@pytest.mark.parametrize('inactive', ['skip', 'decay'])
def test_what_happens_to_inactive_weights(supernet, iteration, inactive):
    """skip: neither weight nor momentum moves. decay: exactly momentum and weight decay act."""
    model = supernet(GROUPED, inactive=inactive)
    rate, momentum, decay = 0.1, 0.9, 0.01
    sgd = torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum, weight_decay=decay)
    iteration(0)
    step(model, sgd)
    idle = {id(p) for p in unused_by(model, [1])}
    was_live = {id(p) for p in model.backbone.parameters()} - {id(p) for p in unused_by(model, [0])}
    paused = [p for p in model.backbone.parameters() if id(p) in idle & was_live]
    never = unused_by(model, [0, 1])
    assert paused
    assert never
    before = {id(p): p.detach().clone() for p in paused + never}
    speed = {id(p): sgd.state[p]['momentum_buffer'].clone() for p in paused}
    iteration(1)
    step(model, sgd)
    for p in paused:
        if inactive == 'skip':
            assert torch.equal(p, before[id(p)])
            assert torch.equal(sgd.state[p]['momentum_buffer'], speed[id(p)])
        else:
            new = momentum * speed[id(p)] + decay * before[id(p)]
            torch.testing.assert_close(sgd.state[p]['momentum_buffer'], new)
            torch.testing.assert_close(p.detach(), before[id(p)] - rate * new)
    for p in never:
        if inactive == 'skip':
            assert p not in sgd.state
            assert torch.equal(p, before[id(p)])
        else:
            assert sgd.state[p].get('momentum_buffer') is not None


def test_inactive_decay_changes_no_active_gradient(supernet):
    grads = []
    for inactive in ('skip', 'decay'):
        model = supernet(GROUPED, inactive=inactive)
        model.parse_losses(losses_of(model, batch()))[0].backward()
        grads.append({n: p.grad for n, p in model.named_parameters()})
    for name, grad in grads[0].items():
        wanted = torch.zeros_like(grads[1][name]) if grad is None else grad
        assert torch.equal(wanted, grads[1][name]), name


def test_a_classifier_of_mmpretrain(iteration):
    pytest.importorskip('mmpretrain.models')
    from mmengine.registry import DefaultScope
    from mmpretrain.structures import DataSample

    cfg = dict(
        type='scalenas.SuperNet',
        sampler=dict(type='sandwich', num_random=1),
        distillation=dict(tap='head.fc', teacher='inplace'),
        data_preprocessor=dict(mean=[127.5] * 3, std=[60.0] * 3, num_classes=5),
        architecture=dict(
            type='ImageClassifier',
            backbone=dict(type='scalenas.SuperScaleHRNet', space=SPACE),
            neck=[
                dict(type='HRFuseScales', in_channels=(8, 16, 32, 64), out_channels=64),
                dict(type='GlobalAveragePooling'),
            ],
            head=dict(
                type='LinearClsHead',
                num_classes=5,
                in_channels=64,
                loss=dict(type='CrossEntropyLoss'),
            ),
        ),
    )
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg)
        model.init_weights()
        inputs = torch.rand(2, 3, 64, 64)
        samples = [DataSample().set_gt_label(i) for i in range(2)]
        losses = model(inputs, samples, mode='loss')
        model.parse_losses(losses)[0].backward()
        assert [k for k in losses if k.endswith('loss_kd')] == ['net1.loss_kd', 'net2.loss_kd']
        assert model(inputs, samples, mode='predict')[0].pred_score.shape == (5,)


@pytest.mark.parametrize(
    ('change', 'error', 'fields'),
    [
        (dict(sampler=dict(type='groupd')), UserError, dict(names=("did you mean 'grouped'",))),
        (dict(inactive='skp'), ArchError, dict(got='skp', hint=contains("'skip'"))),
        (
            dict(distillation=dict(tap='decode_hed.conv_seg')),
            ConfigError,
            dict(
                where='distillation.tap',
                got='decode_hed.conv_seg',
                hint=contains('decode_head.conv_seg'),
            ),
        ),
        (
            dict(distillation=dict(tap='decode_head.conv_seg')),
            ConfigError,
            dict(where='distillation.teacher', hint=contains('init_from')),
        ),
        (
            dict(distillation=dict(**KD, wieght=1)),
            ArchError,
            dict(where='distillation', got='wieght', hint=contains("'weight'")),
        ),
        (
            dict(distillation=dict(**KD, weight=-1)),
            ConfigError,
            dict(where='distillation.weight', got=-1),
        ),
        (
            dict(distillation=KD),
            ConfigError,
            dict(where='distillation.teacher', got='inplace', hint=contains('sandwich')),
        ),
        (
            dict(architecture={**SEGMENTOR, 'backbone': dict(type='ResNet', depth=18)}),
            ConfigError,
            dict(where='model.architecture', got=[], hint=contains('SuperScaleHRNet')),
        ),
        (
            dict(init_from=dict(checkpint='x')),
            ArchError,
            dict(got='checkpint', hint=contains("'checkpoint'")),
        ),
        (
            dict(init_from=dict(checkpoint=None)),
            ConfigError,
            dict(where=contains('init_from'), got=None),
        ),
        (dict(distillation=dict(tap=3)), ConfigError, dict(where='distillation.tap', got=3)),
        (
            dict(distillation=dict(**KD, ignore_index='255')),
            ConfigError,
            dict(where='distillation.ignore_index', got='255'),
        ),
        (
            dict(distillation=dict(**KD, weight=float('nan'))),
            ConfigError,
            dict(where='distillation.weight', names=('nan',)),
        ),
    ],
)
def test_wrong_options_are_one_line(supernet, change, error, fields):
    with raises(error, **fields):
        supernet(init=False, **copy.deepcopy(change))


def test_a_tap_may_give_several_maps(supernet):
    """A backbone or neck: the mean over its maps; what is no tensor is refused."""
    kd = dict(tap='backbone', teacher='inplace')
    model = supernet(dict(type='sandwich', num_random=0), distillation=kd)
    found = losses_of(model, batch())['net1.loss_kd']
    maps = {}
    inputs = model.data_preprocessor(batch(), True)['inputs']
    for name in ('largest', 'smallest'):
        with model.active(getattr(model.backbone.space, name)()):
            maps[name] = model.backbone(inputs)
    pairs = zip(maps['largest'], maps['smallest'], strict=True)
    parts = [(one - other).square().mean() for one, other in pairs]
    assert len(parts) == 4
    torch.testing.assert_close(found, sum(parts) / 4, rtol=1e-5, atol=0)
    model.backbone.register_forward_hook(lambda *_: {'maps': None}, prepend=True)
    with raises(ConfigError, where='distillation.tap', got='backbone', names=('dict',)):
        losses_of(model, batch())


def test_a_tap_that_never_runs_says_so(supernet):
    model = supernet(dict(type='sandwich'), distillation=dict(tap='decode_head', teacher='inplace'))
    with raises(ConfigError, where='distillation.tap', got='decode_head'):
        losses_of(model, batch())


def test_without_an_iteration_it_says_so(supernet):
    model = supernet()
    new_hub()
    with raises(TrainingError, hint=contains('update_info')):
        losses_of(model, batch())
