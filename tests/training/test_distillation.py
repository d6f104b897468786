"""Distillation: the masked mean, the frozen teacher, and what does not leak."""

import gc
import weakref

import pytest
import torch
from mmengine.optim import OptimWrapper

from scalenas.errors import CheckpointError, TrainingError
from scalenas.training.losses import kept_positions, masked_mse
from tests.errors import contains, raises

from .conftest import batch

GROUPED = dict(type='grouped', seed=3)
TAP = 'decode_head.conv_seg'


@pytest.fixture
def teacher_file(supernet, tmp_path):
    """The checkpoint of a trained-for-a-while teacher, in the format of a supernet."""
    model = supernet(dict(type='fixed'))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.01 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    path = tmp_path / 'teacher.pth'
    meta = dict(scalenas=dict(space=model.backbone.space.to_dict(), version='0'))
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return str(path)


def kd_of(path, weight=1.0):
    return dict(tap=TAP, weight=weight, teacher=dict(checkpoint=path))


def losses_of(model, **options):
    return model(**model.data_preprocessor(batch(**options), True), mode='loss')


def test_masked_mse_by_hand():
    output = torch.tensor([[[[1.0, 2.0]], [[3.0, float('nan')]]]])
    target = torch.zeros_like(output)
    keep = torch.tensor([[[[True, False]]]])
    assert masked_mse(output, target, keep).item() == (1 + 9) / 2
    assert masked_mse(output, target, ~keep | keep).isnan()
    assert masked_mse(output, target, keep & ~keep).item() == 0
    assert masked_mse(output[..., :1], target[..., :1]).item() == 5


def test_masked_mse_without_mask_is_torchs():
    a, b = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    everything = torch.ones(2, 1, 4, 4, dtype=torch.bool)
    expected = torch.nn.functional.mse_loss(a, b)
    torch.testing.assert_close(masked_mse(a, b), expected)
    torch.testing.assert_close(masked_mse(a, b, everything), expected)
    assert masked_mse(a.half(), b.half()).dtype == torch.float32


def test_labels_are_brought_down_nearest():
    labels = torch.zeros(1, 1, 8, 8, dtype=torch.long)
    labels[..., :4, :] = 255
    keep = kept_positions(labels, torch.Size((2, 2)), 255)
    assert keep.tolist() == [[[[False, False], [True, True]]]]


def test_frozen_teacher_is_the_largest_net_of_its_checkpoint(supernet, teacher_file):
    model = supernet(GROUPED, init_from=teacher_file, distillation=kd_of(teacher_file, 0.5))
    losses = losses_of(model, ignored=32)
    reference = supernet(dict(type='fixed'), init_from=teacher_file)
    data = model.data_preprocessor(batch(ignored=32), True)
    with torch.no_grad(), model.active(model.sampler.archs(0)[0]):
        pupil = model(**data, mode='tensor')[:, :, 8:]
        teacher = reference.eval()(**data, mode='tensor')[:, :, 8:]
    torch.testing.assert_close(losses['loss_kd'].detach(), 0.5 * (pupil - teacher).square().mean())


def test_the_teacher_is_nowhere_but_moves_along(supernet, teacher_file):
    model = supernet(GROUPED, distillation=kd_of(teacher_file))
    plain = supernet(GROUPED)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert len(list(model.parameters())) == len(list(plain.parameters()))
    (teacher,) = model._teacher
    assert not any(p.requires_grad for p in teacher.model.parameters())
    model.train()
    assert not any(m.training for m in teacher.model.modules())
    model.double()
    assert {p.dtype for p in teacher.model.parameters()} == {torch.float64}
    model.to('meta')
    assert {p.device.type for p in teacher.model.parameters()} == {'meta'}


def test_the_teacher_does_not_learn(supernet, iteration, teacher_file):
    model = supernet(GROUPED, init_from=teacher_file, distillation=kd_of(teacher_file))
    (teacher,) = model._teacher
    before = {k: v.clone() for k, v in teacher.model.state_dict().items()}
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    for i in range(3):
        iteration(i)
        model.train_step(batch(seed=i), optimizer)
    after = teacher.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    start = supernet(GROUPED, init_from=teacher_file).state_dict()
    assert any(not torch.equal(v, start[k]) for k, v in model.state_dict().items())


def test_without_checkpoint_the_teacher_is_what_the_supernet_starts_from(supernet, teacher_file):
    model = supernet(GROUPED, init_from=teacher_file, distillation=dict(tap=TAP))
    (teacher,) = model._teacher
    written = torch.load(teacher_file, weights_only=True)['state_dict']
    for key, value in teacher.model.state_dict().items():
        assert torch.equal(value, written[f'architecture.{key}']), key


def test_no_hook_and_no_graph_stays_behind(supernet, teacher_file):
    model = supernet(GROUPED, init_from=teacher_file, distillation=dict(tap=TAP))
    losses = losses_of(model)
    graph = weakref.ref(losses['loss_kd'])
    loss, _ = model.parse_losses(losses)
    loss.backward()
    del loss, losses
    gc.collect()
    assert graph() is None
    (teacher,) = model._teacher
    for owner in (model.architecture, teacher.model):
        assert not owner.get_submodule(TAP)._forward_hooks
    with pytest.raises(RuntimeError):
        model(torch.zeros(1, 5, 8, 8), [], mode='loss')
    assert not model.architecture.get_submodule(TAP)._forward_hooks


def test_under_autocast_the_loss_is_float32(supernet, teacher_file):
    model = supernet(GROUPED, init_from=teacher_file, distillation=dict(tap=TAP))
    with torch.autocast('cpu', torch.bfloat16):
        losses = losses_of(model)
    assert losses['loss_kd'].dtype == torch.float32
    assert losses['loss_kd'].isfinite()
    model.parse_losses(losses)[0].backward()


def test_a_missing_teacher_names_the_command(supernet, tmp_path):
    start = dict(checkpoint=str(tmp_path / 'gone.pth'), made_by='python tools/train.py teacher.py')
    with raises(
        CheckpointError, where=contains('init_from', 'gone.pth'), hint=contains(start['made_by'])
    ):
        supernet(GROUPED, init_from=start)


def test_a_teacher_of_another_space_is_refused(supernet, teacher_file, tmp_path):
    content = torch.load(teacher_file, weights_only=True)
    content['meta']['scalenas']['space']['width'] = 16
    other = tmp_path / 'other.pth'
    torch.save(content, other)
    with raises(CheckpointError, where=f'{other}: width', got=16, allowed=contains(8)):
        supernet(GROUPED, init_from=str(other))


def test_a_teacher_with_a_weight_missing_is_refused(supernet, teacher_file, tmp_path):
    content = torch.load(teacher_file, weights_only=True)
    content['state_dict'].pop('architecture.decode_head.conv_seg.bias')
    other = tmp_path / 'other.pth'
    torch.save(content, other)
    with raises(CheckpointError, where=other, problem=contains('decode_head.conv_seg.bias')):
        supernet(GROUPED, init_from=str(other))


def test_a_teacher_that_was_never_loaded_says_so(supernet, teacher_file):
    model = supernet(GROUPED, init=False, distillation=kd_of(teacher_file))
    with raises(TrainingError, hint=contains('init_weights()')):
        losses_of(model)
