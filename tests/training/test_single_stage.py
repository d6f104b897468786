"""The rules of BigNAS on its own kind of supernet: sliced MBConv nets of several resolutions."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample

from scalenas.arch.strict import ArchError
from scalenas.errors import CheckpointError, ConfigError
from scalenas.evaluation.evaluator import load_into
from scalenas.models import FeatureDropout
from scalenas.models.checkpoint import save_plain
from scalenas.models.mbconv import ScaleMBConvNet
from scalenas.models.weight_slices import cut_state_dict
from scalenas.registry import MODELS
from tests.errors import contains, raises

from .sandwich import LabelReachedAChildError

SPACE = dict(
    family='mbconv',
    resolution=[16, 24, 32],
    stem=[8, 12],
    shortcut='projected',
    stages=[
        dict(width=[8, 12], depth=[1, 2], kernel=[3], expand=[1]),
        dict(width=[12, 16], depth=[1, 2], kernel=[3, 5], expand=[2, 3], stride=2),
    ],
    conv_out=[16, 24],
)
CLASSIFIER = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        type='ClsDataPreprocessor', num_classes=5, mean=[127.5] * 3, std=[60.0] * 3
    ),
    backbone=dict(type='scalenas.SuperMBConvNet', space=SPACE, resize=True),
    neck=[dict(type='GlobalAveragePooling'), dict(type='scalenas.FeatureDropout', ratio=0.3)],
    head=dict(
        type='scalenas.SuperLinearClsHead',
        num_classes=5,
        in_channels=24,
        loss=dict(type='CrossEntropyLoss'),
    ),
)
KD = dict(tap='head.fc', teacher='inplace', loss='kl', temperature=2.0, labels='largest')


def batch(count=4):
    rng = torch.Generator().manual_seed(3)
    inputs = [torch.rand(3, 24, 24, generator=rng) * 255 for _ in range(count)]
    return dict(inputs=inputs, data_samples=[DataSample().set_gt_label(i) for i in range(count)])


@pytest.fixture
def single_stage(iteration):
    def build(space=SPACE, **changes):
        torch.manual_seed(0)
        options = dict(sampler=dict(type='sandwich', seed=1), distillation=KD, dropout='largest')
        classifier = {**CLASSIFIER, 'backbone': {**CLASSIFIER['backbone'], 'space': space}}
        options = {'architecture': classifier, **options, **changes}
        cfg = dict(type='scalenas.SuperNet', **options)
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            model = MODELS.build(ConfigDict(copy.deepcopy(cfg)))
            model.init_weights()
        return model

    return build


def grads_of(model):
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    kept = {}
    sgd.register_step_pre_hook(
        lambda *_: kept.update({n: p.grad for n, p in model.named_parameters()})
    )
    torch.manual_seed(7)
    return kept, model.train_step(batch(), OptimWrapper(sgd))


def test_both_forms_give_the_same_gradients(single_stage):
    found = [
        grads_of(single_stage(backward=b, child_decay=1e-3).double()) for b in ('summed', 'each')
    ]
    (summed, logs), (each, others) = found
    assert set(logs) == set(others)
    for name, value in logs.items():
        torch.testing.assert_close(others[name], value.detach(), rtol=1e-10, atol=1e-10)
    parts = [value for name, value in logs.items() if 'loss' in name and name != 'loss']
    assert len(parts) == 1 + 3 + 3
    torch.testing.assert_close(logs['loss'], sum(parts))
    for name, grad in summed.items():
        # A projection that only some networks need gets none where no such one is drawn.
        assert (grad is None) == (each[name] is None), name
        if grad is not None:
            torch.testing.assert_close(each[name], grad, rtol=1e-10, atol=1e-10)
    assert sum(grad is not None and bool(grad.any()) for grad in summed.values()) > 20


def test_largest_and_smallest_see_the_same_crop_at_their_resolutions(single_stage):
    model, sides = single_stage(), []
    stem = next(m for m in model.modules() if isinstance(m, torch.nn.Conv2d))
    original = torch.nn.functional.conv2d

    def watched(x, weight, *args, **options):
        if weight.data_ptr() == stem.weight.data_ptr():
            sides.append(x.shape[-1])
        return original(x, weight, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, 'conv2d', watched)
        model(**model.data_preprocessor(batch(), True), mode='loss')
    archs = model.sampler.archs(0)
    assert sides == [arch.resolution for arch in archs]
    assert sides[:2] == [32, 16]


class Trap(DataSample):
    """Raises when somebody looks at the label while another net than the largest is active."""

    allowed = staticmethod(lambda: True)

    @property
    def gt_label(self):
        if not self.allowed():
            raise LabelReachedAChildError
        return self._gt_label

    def _labelled(self, value):
        self.set_field(torch.tensor([value]), '_gt_label', dtype=torch.Tensor)
        return self


@pytest.mark.parametrize('backward', ['summed', 'each'])
def test_no_label_reaches_a_child_but_the_largest(single_stage, backward):
    def run(model):
        largest = model.backbone.space.largest()
        allowed = staticmethod(lambda: model.backbone.active_arch == largest)
        kind = type('Watched', (Trap,), dict(allowed=allowed))
        data = batch()
        data['data_samples'] = [kind()._labelled(i) for i in range(4)]
        data['inputs'] = model.data_preprocessor(dict(inputs=data['inputs']), True)['inputs']
        model.data_preprocessor.forward = lambda data, training: data
        sgd = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
        return model.train_step(data, sgd)

    logs = run(single_stage(backward=backward))
    assert {'loss_task', 'net3.loss_kd'} < set(logs)
    assert 'net1.loss_task' not in logs
    with pytest.raises(LabelReachedAChildError):
        run(single_stage(backward=backward, distillation={**KD, 'labels': 'all'}))


def test_child_decay_is_that_of_the_slices(single_stage):
    """As weight decay of each child alone: of the static net with its part of the weights."""
    model = single_stage(child_decay=0.5).double()
    losses = model(**model.data_preprocessor(batch(), True), mode='loss')
    for k, arch in enumerate(model.sampler.archs(0)[1:], 1):
        static = ScaleMBConvNet(arch, resize=True).double()
        state = cut_state_dict(model.backbone.state_dict(), model.backbone.slices(arch), '')
        static.load_state_dict(state)
        head = model.architecture.head.fc.weight[:, : arch.conv_out]
        kernels = [*(p for p in static.parameters() if p.dim() > 1), head]
        wanted = 0.5 * 0.5 * sum(kernel.square().sum() for kernel in kernels)
        torch.testing.assert_close(losses[f'net{k}.loss_decay'], wanted)
    assert 'loss_decay' not in losses


def test_dropout_of_features_is_the_largest_nets(single_stage):
    for dropout, children in (('largest', False), ('all', True)):
        model, seen = single_stage(dropout=dropout), []
        (neck,) = [m for m in model.modules() if isinstance(m, FeatureDropout)]
        neck.dropout.register_forward_pre_hook(lambda m, _, s=seen: s.append(m.training))
        model(**model.data_preprocessor(batch(), True), mode='loss')
        assert seen == [True, children, children, children]
    with raises(ArchError, where='neck.ratio', got=3, allowed=contains('0 ... 1')):
        FeatureDropout(3)


def test_statistics_are_tracked_or_not(single_stage):
    for track in (False, True):
        model = single_stage(track_norms=track)
        before = {k: v.clone() for k, v in model.state_dict().items() if 'running' in k}
        model(**model.data_preprocessor(batch(), True), mode='loss')
        same = [torch.equal(value, model.state_dict()[key]) for key, value in before.items()]
        assert all(same) is not track


def test_weights_are_evaluated_at_resolutions_that_they_have_not_seen(single_stage, tmp_path):
    model = single_stage()
    meta = {'scalenas': {'space': model.backbone.space.to_dict(), 'version': '0'}}
    save_plain(tmp_path / 'trained.pth', model.state_dict(), meta)
    other = single_stage(space={**SPACE, 'resolution': [16, 20, 28, 40]})
    load_into(other, tmp_path / 'trained.pth')
    unseen = other.backbone.space.where('resolution', (28,)).largest()
    with torch.no_grad(), other.active(unseen):
        assert other.eval()(torch.rand(2, 3, 24, 24), None, mode='tensor').shape == (2, 5)
    wider = single_stage(space={**SPACE, 'stem': [8, 12, 16]})
    path = tmp_path / 'trained.pth'
    with raises(CheckpointError, where=f'{path}: stem'):
        load_into(wider, path)
    stages = copy.deepcopy(SPACE['stages'])
    stages[1]['kernel'] = [3, 5, 7]
    other = single_stage({**SPACE, 'stages': stages})
    where = f'{path}: stages[1].kernel'
    with raises(CheckpointError, where=where, got=[3, 5], allowed=contains([3, 5, 7])):
        load_into(other, path)


@pytest.mark.parametrize(
    ('head', 'fields'),
    [
        (
            {'type': 'LinearClsHead'},
            {'problem': contains(16, 24), 'allowed': contains('scalenas.SuperLinearClsHead')},
        ),
        ({'in_channels': 16}, {'got': 16, 'allowed': contains(24)}),
    ],
)
def test_a_head_that_cannot_read_all_networks_is_one_line(single_stage, head, fields):
    classifier = copy.deepcopy(CLASSIFIER)
    classifier['head'].update(head)
    (key,) = head
    with raises(ConfigError, where=f'model.architecture.head.{key}', **fields):
        single_stage(architecture=classifier)


def test_one_width_takes_any_head_and_a_sub_space_the_head_of_the_whole(single_stage):
    one = {**SPACE, 'conv_out': [24]}
    plain = copy.deepcopy(CLASSIFIER)
    plain['head']['type'] = 'LinearClsHead'
    plain['backbone']['space'] = one
    assert single_stage(architecture=plain).backbone.space.largest().conv_out == 24
    part = {**SPACE, 'where': [['conv_out', [16]]]}
    assert single_stage(part).backbone.space.largest().conv_out == 16


@pytest.mark.parametrize(
    ('changes', 'where', 'got'),
    [
        ({'track_norms': 'no'}, 'model.track_norms', 'no'),
        ({'backbone': {'zero_init_residual': 'no'}}, 'zero_init_residual', 'no'),
        ({'backbone': {'resize': 1}}, 'resize', 1),
    ],
)
def test_a_switch_is_true_or_false(single_stage, changes, where, got):
    """A word such as 'no' is true to Python: the rule would silently be the other way round."""
    classifier = copy.deepcopy(CLASSIFIER)
    classifier['backbone'].update(changes.pop('backbone', {}))
    with raises(ArchError, where=where, got=got):
        single_stage(architecture=classifier, **changes)
