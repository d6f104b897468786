"""Units compiled one by one, and channels last: the same training, in few graphs."""

import copy
import pickle
import random
from types import SimpleNamespace

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch._dynamo.utils import counters
from torch._inductor import cpp_builder, exc

from scalenas.errors import ConfigError, TrainingError
from scalenas.evaluation import calibrated
from scalenas.models import SuperMBConvNet, SuperScaleHRNet
from scalenas.space import from_dict
from scalenas.training import SpaceHook
from scalenas.training.compiling import UnitCompiler, _Unit
from scalenas.training.fused import make_ready
from tests.errors import raises

from .conftest import SEGMENTOR, SPACE, batch
from .sandwich import grads_of, losses_of
from .test_single_stage import SPACE as MBCONV

SMALL = {**SPACE, 'num_modules': (1, 2), 'depth': (1, 2)}
MODEL = {**copy.deepcopy(SEGMENTOR), 'backbone': dict(type='scalenas.SuperScaleHRNet', space=SMALL)}
MODEL['decode_head'].update(in_channels=[8, 16, 32], in_index=(0, 1, 2), channels=56)
TINY = copy.deepcopy(MODEL)
TINY['backbone']['space'] = {**SMALL, 'num_modules': (1,)}
TINY['decode_head'].update(in_channels=[8, 16], in_index=(0, 1), channels=24)
UNITS = 3 + 2 * (2 + 1) + 1
"""Blocks of three widths, conversions between each two of three branches, the third's beginning."""
DATA = batch(size=32)


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def graphs():
    return counters['stats']['unique_graphs']


def close(got, wanted, tolerance):
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        if value is None:
            assert got[name] is None
            continue
        assert (got[name] - value).abs().max() <= tolerance * (value.abs().max() + 1e-3), name


def test_graphs_are_as_many_as_there_are_kinds_of_units(supernet, iteration):
    """Whatever is sampled; a compiled supernet has one for each network, up to torch's limit."""
    model = supernet(architecture=MODEL, compile_units=dict(backend='eager'))
    seen = set()
    for i in range(12):
        iteration(i)
        seen.add(model.new_step().archs)
        losses_of(model, DATA)
    assert len(seen) == 12
    # The beginning is one more unit.
    assert graphs() == model._compiler.num_kinds == UNITS + 1
    assert counters['frames']['total'] == counters['frames']['ok'] == UNITS + 1
    assert not counters['graph_break']


def test_a_w32_supernet_has_forty_graphs_at_most():
    with torch.device('meta'):
        net = SuperScaleHRNet('scalenas_w32')
    compiler = UnitCompiler({})
    kinds = {_Unit(compiler, unit).kind for unit in net.units()}
    # Blocks of four widths, conversions between each two of four branches, two third branches.
    assert len(kinds) == 4 + 2 * (3 + 2 + 1) + 2
    inside = {id(part) for unit in net.units() for part in unit.modules()}
    rest = {name.split('.')[0] for name, m in net.named_modules() if id(m) not in inside and name}
    assert {n for n in rest if not n.startswith('stage')} == {
        *('conv1', 'bn1', 'conv2', 'bn2', 'layer1'),
        *('transition1', 'transition2', 'transition3'),
    }
    assert len(kinds) + 1 <= 40


@pytest.mark.parametrize(
    'options',
    [
        dict(channels_last=True),
        pytest.param(
            dict(compile_units=dict(backend='aot_eager'), channels_last=True, backward='each'),
            marks=pytest.mark.slow,
        ),
    ],
    ids=['channels last', 'both'],
)
def test_losses_gradients_and_statistics_are_the_same(options, supernet, iteration):
    sampler = dict(type='sandwich', seed=1, num_random=1)
    plain = supernet(sampler, architecture=MODEL).double()
    ours = supernet(sampler, architecture=MODEL, **options).double()
    assert ours.state_dict().keys() == plain.state_dict().keys()
    for i in range(2):
        iteration(i)
        (grads, logs), (wanted, wanted_logs) = (grads_of(m, DATA) for m in (ours, plain))
        close(grads, wanted, 1e-9)
        close(logs, wanted_logs, 1e-12)
    close(ours.state_dict(), plain.state_dict(), 1e-10)
    if 'compile_units' in options:
        assert 0 < graphs() <= UNITS + 1


@pytest.mark.slow
def test_with_inductor_in_float32(supernet, iteration):
    """Against float64. A value at zero may pass a ReLU in one of both, in any two ways to compute
    in float32: then single gradients differ by a thousandth, and most by a hundred-thousandth."""
    plain, exact = supernet(architecture=MODEL), supernet(architecture=MODEL).double()
    ours = supernet(architecture=MODEL, compile_units=True, channels_last=True)
    for i in range(3):
        iteration(i)
        (wanted, wanted_logs), (found, logs) = (grads_of(model, DATA) for model in (exact, ours))
        grads_of(plain, DATA)
        close(logs, wanted_logs, 1e-5)
        used = {name for name, value in wanted.items() if value is not None}
        assert used == {name for name, value in found.items() if value is not None}
        errors = [(found[n] - wanted[n]).abs().max() / wanted[n].abs().max() for n in used]
        assert 0 < torch.stack(errors).median() <= 1e-4
    close(ours.state_dict(), plain.state_dict(), 1e-4)
    assert 0 < graphs() <= UNITS + 1


def test_what_is_no_training_is_not_compiled(supernet, iteration):
    """Calibration looks into norms by hooks, which compiled code would not call."""
    plain, ours = (
        supernet(architecture=TINY, compile_units=compile_units)
        for compile_units in (False, dict(backend='eager'))
    )
    for model in (ours, plain):
        losses_of(model, DATA)
    before = graphs()
    space, found = from_dict(TINY['backbone']['space']), []
    arch = space.sample(random.Random(4))
    for model in (ours, plain):
        data = model.data_preprocessor(copy.deepcopy(DATA), False)
        with torch.no_grad(), calibrated(model, arch, [data, data]):
            found.append(model(**data, mode='tensor'))
    assert torch.equal(*found)
    assert found[0].std() > 1e-3
    assert graphs() == before > 0


@pytest.mark.parametrize('path', ['stage2.0.branches.0.0', 'stage2.0.branches.1.0.bn1', 'layer1.0'])
def test_a_hook_sees_what_it_looks_at(path, supernet, iteration):
    """Distillation by the maps of a unit, of a part of one, and of the beginning."""
    ours = supernet(
        dict(type='fixed', arch='largest'),
        architecture=TINY,
        compile_units=dict(backend='eager'),
    )
    losses_of(ours, DATA)  # compiled without a hook
    seen = []
    handle = ours.backbone.get_submodule(path).register_forward_hook(
        lambda module, args, output: seen.append(output)
    )
    losses_of(ours, DATA)
    handle.remove()
    losses_of(ours, DATA)
    assert len(seen) == 1


@pytest.mark.slow
def test_copies_and_files_are_not_compiled(supernet, iteration, tmp_path):
    model = supernet(architecture=TINY, compile_units=dict(backend='eager'))
    logs = losses_of(model, DATA)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert not any(m._compiled_call_impl for m in other.modules())
        again = losses_of(other, DATA)
        assert again.keys() == logs.keys()
        assert any(m._compiled_call_impl for m in other.modules())
        torch.testing.assert_close(again['decode.loss_ce'], logs['decode.loss_ce'])
    assert not any('_orig_mod' in key for key in model.state_dict())


@pytest.mark.slow
def test_under_ddp(supernet, iteration, tmp_path):
    """One process; the gradients of a model without DDP, and as many graphs."""
    plain, inner = (
        supernet(architecture=TINY, channels_last=True, compile_units=compile_units)
        for compile_units in (False, dict(backend='aot_eager'))
    )
    wanted = grads_of(plain, DATA)[0]
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/meet', rank=0, world_size=1
    )
    try:
        ddp = MMDistributedDataParallel(inner, find_unused_parameters=True)
        got = grads_of(ddp, DATA)[0]
    finally:
        torch.distributed.destroy_process_group()
    close({name.removeprefix('module.'): value for name, value in got.items()}, wanted, 1e-4)
    assert 0 < graphs() <= 2 + 2 + 1


def test_a_checkpoint_does_not_tell_of_channels_last(supernet, iteration):
    """And what an optimizer kept for weights in one order serves those in another."""
    plain, ours = (supernet(architecture=TINY, channels_last=last) for last in (False, True))
    state = ours.state_dict()
    SpaceHook().before_save_checkpoint(
        SimpleNamespace(model=ours), {'state_dict': state, 'meta': {}}
    )
    assert all(value.is_contiguous() for value in state.values())
    assert not all(value.is_contiguous() for value in ours.state_dict().values())
    optimizers = []
    for model in (plain, ours):
        options = dict(lr=0.1, momentum=0.9, fused=True)
        optimizers.append(OptimWrapper(torch.optim.SGD(model.parameters(), **options)))
        make_ready(optimizers[-1])
        model.train_step(copy.deepcopy(DATA), optimizers[-1])
    # Momentum of the one, weights of the other: torch itself would mix them up.
    optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    make_ready(optimizers[1])
    for model, optimizer in zip((plain, ours), optimizers, strict=True):
        model.train_step(copy.deepcopy(DATA), optimizer)
    close(ours.state_dict(), plain.state_dict(), 1e-3)
    assert any(
        not state['momentum_buffer'].is_contiguous()
        for state in optimizers[1].optimizer.state.values()
    )


def test_channels_last_changes_no_weight_at_the_start(supernet):
    plain, ours = supernet(architecture=MODEL), supernet(architecture=MODEL, channels_last=True)
    for (name, one), other in zip(
        plain.state_dict().items(), ours.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name
    conv = ours.backbone.layer1[0].conv2.weight
    assert conv.is_contiguous(memory_format=torch.channels_last)
    assert not conv.is_contiguous()
    assert plain.backbone.layer1[0].conv2.weight.is_contiguous()


@pytest.mark.parametrize(
    ('given', 'got'), [('yes', 'yes'), (1, 1), (None, None), (dict(fullgraph=True), 'fullgraph')]
)
def test_what_is_no_choice(given, got, supernet):
    with raises(ConfigError, where='model.compile_units', got=got):
        supernet(architecture=MODEL, compile_units=given, init=False)


def test_what_cannot_be_compiled_says_so(supernet, iteration, monkeypatch):
    with raises(ConfigError, where='model.compile_units', names=('SuperMBConvNet',)):
        UnitCompiler.from_config(True, SuperMBConvNet(MBCONV, resize=True))
    cp = {**MODEL, 'backbone': dict(**MODEL['backbone'], with_cp=True)}
    with raises(ConfigError, where='model.compile_units', names=('with_cp',)):
        supernet(architecture=cp, compile_units=True, init=False)
    with raises(where='model.channels_last', got='yes'):
        supernet(architecture=MODEL, channels_last='yes', init=False)
    model = supernet(architecture=MODEL, compile_units=True)

    def none():
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, 'get_cpp_compiler', none)
    with raises(TrainingError, where='model.compile_units', names=('g++',)):
        losses_of(model, DATA)
