"""What every family promises, asked of all that are registered, and of one from outside."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from scalenas import families, family_named, family_of
from scalenas.arch import Arch, ArchError, dump, from_dict, layers, load, parse_head, section_of
from scalenas.complexity import Budget, Cost, Counter, count
from scalenas.evaluation import calibrated, trace
from scalenas.evaluation.calibrate import recalibrated
from scalenas.evaluation.supernet import active_norms
from scalenas.export.subnet import subnet_state
from scalenas.models import SupernetInit, backbone_type, is_supernet, static_types
from scalenas.models.checkpoint import save_plain
from scalenas.models.weight_slices import cut_state_dict
from scalenas.registry import MODELS
from scalenas.sampling import from_dict as sampler_of
from scalenas.search import (
    NSGA2,
    Objectives,
    OptunaSearch,
    PredictorSearch,
    Record,
    SearchStudy,
    TopologyEvolution,
    run_search,
)
from scalenas.space import SpaceError, depths_of
from scalenas.space import from_dict as space_from_dict
from scalenas.visualization import cost_rows, draw_arch
from scalenas.visualization.cost_table import Extent, groups
from scalenas.visualization.page_data import _drawing
from scalenas.visualization.page_genes import GeneTable
from tests.models.world import lively, pictures

from .cases import CASES, SUPERNETS, Case, Supernet, size_of

SIDE = 64  # of images: at least every net's own
TOLERANCE = 1e-10  # of float64, of the largest value
cases = pytest.mark.parametrize('case', CASES.values(), ids=list(CASES))
SPACED = {name: case for name, case in CASES.items() if case.spaces}
with_space = pytest.mark.parametrize('case', SPACED.values(), ids=list(SPACED))
supernets = pytest.mark.parametrize('held', SUPERNETS.values(), ids=list(SUPERNETS))


class Model(nn.Module):
    """As much of a task model as calibration and export ask for."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        return self.backbone(inputs)


def static_net(arch: Arch, net: Any, **options: Any) -> Any:
    """The static net beside a supernet, which resizes where that does."""
    own = {'resize': True} if net.resizes else {}
    return family_of(arch).net(arch, **own, **options).double().eval()


def assert_same(got: Any, wanted: Any) -> None:
    assert len(got) == len(wanted) >= 1
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == other.shape
        assert other.std() > 1e-3  # a map of one value would be equal to any
        assert (one - other).abs().max() <= TOLERANCE * other.abs().max()


def few(held: Supernet) -> list[Any]:
    rng = random.Random(1)
    space = held.space
    return [space.smallest(), space.largest(), space.sample(rng), space.sample(rng)]


def test_all_registered_families_are_here() -> None:
    assert set(CASES) == {family.name for family in families()}
    assert {s.kind for s in SUPERNETS.values()} == {
        MODELS.module_dict[kind.removeprefix('scalenas.')] for kind in static_types()
    }


@cases
def test_an_arch_is_read_and_written(case: Case) -> None:
    for arch in case.archs:
        assert family_of(arch) is case.family is family_named(arch.family)
        assert load(dump(arch)) == from_dict(arch.to_dict()) == arch
        assert type(arch) is case.family.arch
        assert hash(load(dump(arch))) == hash(arch)
    for wrong in ({**case.archs[0].to_dict(), 'strange': 1}, {'family': case.family.name}):
        with pytest.raises(ArchError):
            from_dict(wrong)
    assert parse_head(case.family.head) is not None


@with_space
def test_a_space_is_read_and_written(case: Case) -> None:
    for space in case.spaces:
        assert space_from_dict(json.loads(json.dumps(space.to_dict()))) == space
        assert space.family is case.family
        first = next(name for name, gene in space.genes.items() if len(gene.values) > 1)
        part = space.where(first, space.genes[first].values[:1])
        assert space_from_dict(part.to_dict()) == part
        rng = random.Random(0)
        for _ in range(20):
            arch = space.sample(rng)
            assert space.decode(space.encode(arch)) == arch
            assert space.mutate(arch, rng, 0.5) in space
            assert space.cross(arch, space.sample(rng), rng, 0.5) in space
        others = [arch for name, c in CASES.items() if c is not case for arch in c.archs]
        for arch in others:
            with pytest.raises(SpaceError):
                space.encode(arch)


@with_space
def test_roles_name_genes(case: Case) -> None:
    """Depths are numbers of blocks, fusions are switches; no gene has two roles."""
    for space in case.spaces:
        genes = [name for role in case.family.roles for name in space.role(role)]
        assert len(genes) == len(set(genes))
        assert all(space.genes[name].values == (False, True) for name in space.role('fusion'))
        assert all(depth >= 1 for depth in depths_of(space))
        assert depths_of(space)
        archs = [sampler_of({'type': 'grouped'}, space).archs(step)[0] for step in range(6)]
        assert all(arch in space for arch in archs)


@with_space
def test_a_space_shows_what_it_holds(case: Case) -> None:
    for space in case.spaces:
        size = None if space.largest().size is not None else (SIDE, SIDE)
        extent = Extent.of(space, Counter(size))
        assert extent.smallest['macs'] <= extent.middle['macs'] <= extent.largest['macs']
        assert sum(int(row[2].replace(',', '')) for row in groups(space)) == len(space.genes)
        half = Budget(macs=(None, extent.largest['macs'] / 2))
        assert len([*extent.lines(half)]) == 5 + len(extent.largest) + len(groups(space))


@cases
def test_the_counter_gives_what_the_trace_gives(case: Case) -> None:
    """The plan, unit by unit, against the operators of the built net."""
    for arch in case.archs:
        size = size_of(arch)
        net = MODELS.build({'type': backbone_type(arch), 'arch': arch.to_dict()})
        counted = count(layers(arch, size))
        assert counted == Counter(size)(arch) == trace(net, size)
        plan = {x.name: (x.c_in, x.c_out, x.kernel) for x in layers(arch, size)}
        built = {
            name: (m.in_channels, m.out_channels, m.kernel_size[0])
            for name, m in net.named_modules()
            if isinstance(m, nn.Conv2d)
        }
        assert built == plan


@cases
def test_the_net_gives_the_maps_of_the_arch(case: Case) -> None:
    for arch in case.archs:
        size = size_of(arch)
        net = case.family.net(arch).eval()
        with torch.no_grad():
            maps = net(torch.rand(1, 3, *size))
        wanted = arch.features(size)[-1:] if case.family.maps == 'last' else arch.features(size)
        assert [(y.shape[1], tuple(y.shape[2:])) for y in maps] == [f[:2] for f in wanted]


@cases
def test_it_has_a_cost_table_and_a_picture(case: Case, tmp_path: Path) -> None:
    for n, arch in enumerate(case.archs[:3]):
        size = size_of(arch)
        rows = cost_rows(arch, size)
        assert sum((row.cost for row in rows), Cost()) == Counter(size)(arch)
        assert {section_of(arch, name).name for name, _ in arch.units(size)} == {
            row.name for row in rows
        }
        draw_arch(arch, tmp_path / f'{n}.png', 'a net', size)
        assert (tmp_path / f'{n}.png').stat().st_size > 1000


@cases
def test_a_report_knows_its_genes_and_its_drawing(case: Case) -> None:
    for space in case.spaces:
        table, rng = GeneTable.of(space), random.Random(0)
        nets = [space.encode(space.sample(rng)) for _ in range(4)]
        for values in nets:
            letters = dict(zip(table.genes, table.text(values), strict=True))
            read = {g.name: g.values[ord(c) - 0x30] for g, c in letters.items() if c != '.'}
            assert read == {name: values[name] for name in values if name in read}
            fixed = values.keys() - read.keys()
            assert all(len(space.genes[name].values) == 1 for name in fixed)
        numbers = {r for r, g in zip(table.roles, table.genes, strict=True) if r and g.values[1:]}
        matrices = table.matrices(nets, nets)
        assert {matrix['role'] for matrix in matrices} == numbers
    record = Record(7, case.archs[0], Cost(), {}, 0)
    assert 'slot 7' in _drawing(record)['svg']


@supernets
def test_a_sub_net_computes_what_it_computes_alone(held: Supernet) -> None:
    net = lively(held.build())
    assert is_supernet(net)
    assert net.active_arch == held.space.largest()
    x = pictures(2, 3, SIDE, SIDE)
    for arch in few(held):
        alone = static_net(arch, net)
        alone.load_state_dict(cut_state_dict(net.state_dict(), net.slices(arch), ''))
        with torch.no_grad():
            with net.active(arch):
                got = net(x)
                assert net.out_channels == tuple(y.shape[1] for y in got)
            assert net.active_arch == held.space.largest()
            assert_same(got, alone(x))
    other = next(a for name, c in CASES.items() if name != held.space.family.name for a in c.archs)
    with pytest.raises(ArchError), net.active(other):
        pass


@supernets
def test_live_is_what_runs(held: Supernet) -> None:
    net = lively(held.build(), train=True)
    x = pictures(2, 3, SIDE, SIDE)
    for arch in few(held):
        net.zero_grad(set_to_none=True)
        ran: list[str] = []
        hooks = [
            module.register_forward_hook(lambda *_, name=name, ran=ran: ran.append(name))
            for name, module in net.named_modules()
            if isinstance(module, nn.BatchNorm2d)
        ]
        with net.active(arch):
            sum(y.square().mean() for y in net(x)).backward()
        for hook in hooks:
            hook.remove()
        assert sorted(ran) == sorted(name for name, _ in net.active_norms(arch))
        # Under the single-output rule a net may run what no output depends on.
        moved = {name for name, p in net.named_parameters() if p.grad is not None}
        live = {name for name, _ in net.active_parameters(arch)}
        pruned = held.space.family.pruned
        assert moved <= live
        assert moved == live or (pruned is not None and pruned(arch) != arch)


@supernets
def test_a_calibration_is_that_of_the_net_alone(held: Supernet) -> None:
    model = Model(lively(held.build()))
    arch = held.space.sample(random.Random(2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    batches = [{'inputs': pictures(2, 3, SIDE, SIDE, seed=n)} for n in range(3)]
    alone = static_net(arch, model.backbone)
    alone.load_state_dict(
        cut_state_dict(model.backbone.state_dict(), model.backbone.slices(arch), '')
    )
    norms = [(name, m) for name, m in alone.named_modules() if isinstance(m, nn.BatchNorm2d)]
    x = pictures(1, 3, SIDE, SIDE, seed=9)
    with torch.no_grad(), calibrated(model, arch, batches):
        got = model(x)
        assert len(active_norms(model, arch)) == len(norms)
        groups = [[batch['inputs'] for batch in batches]]
        with recalibrated(norms, alone, groups):
            assert_same(got, alone(x))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@supernets
def test_what_is_asked_for_once_is_the_same_in_all_networks(held: Supernet) -> None:
    """To the bit: a search computes it for the first network alone."""
    net = lively(held.build())
    x = pictures(1, 3, SIDE, SIDE)
    known: dict[Any, Any] = {}

    def memory(compute: Any, images: Tensor, depends: Any) -> Any:
        assert images is x
        return known.setdefault(depends, compute(images))

    rng = random.Random(3)
    for arch in [*few(held), *(held.space.sample(rng) for _ in range(4))]:
        with torch.no_grad(), net.active(arch):
            wanted = net(x)
            with net.remembering(memory):
                got = net(x)
        assert all(map(torch.equal, got, wanted))
        assert len(got) == len(wanted)


@supernets
def test_an_export_is_the_sub_net(held: Supernet) -> None:
    """The config type of the static net, built anew, with the state that an export writes."""
    model = Model(lively(held.build()))
    x = pictures(1, 3, SIDE, SIDE)
    for arch in few(held)[1:3]:
        state = subnet_state(model, arch)
        own = {'resize': True} if model.backbone.resizes else {}
        built = MODELS.build({'type': backbone_type(arch), 'arch': arch.to_dict(), **own})
        alone = Model(built.double()).eval()
        alone.load_state_dict(state)
        with torch.no_grad(), model.backbone.active(arch):
            assert_same(model(x), alone(x))


@supernets
def test_a_net_starts_from_the_checkpoint_of_its_supernet(held: Supernet, tmp_path: Path) -> None:
    net = lively(held.build())
    state = {f'architecture.backbone.{key}': value for key, value in net.state_dict().items()}
    meta = {'scalenas': {'space': held.space.to_dict(), 'supernet': net.sharing()}}
    save_plain(tmp_path / 'supernet.pth', state, json.loads(json.dumps(meta)))
    x = pictures(1, 3, SIDE, SIDE)
    for arch in few(held):
        alone = static_net(arch, net)
        SupernetInit(str(tmp_path / 'supernet.pth'))(alone)
        with torch.no_grad(), net.active(arch):
            assert_same(alone(x), net(x))


class Stop(BaseException):
    """A kill."""


@pytest.mark.parametrize('kind', ['own', 'predictor', 'optuna'])
@with_space
def test_a_search_that_is_interrupted_ends_where_it_would_have(
    case: Case, kind: str, tmp_path: Path
) -> None:
    for n, space in enumerate(case.spaces):
        counter = Counter(None if space.smallest().size else (SIDE, SIDE))
        objectives = Objectives.from_dict(('score', 'macs'))
        search = _search(kind, space, objectives, counter)
        whole = run_search(search, _study(tmp_path / f'{n}.journal', objectives), _score)
        assert len(whole) == 15
        assert all(record.arch in space for record in whole)
        assert len({record.arch for record in whole}) == 15
        calls: list[Arch] = []

        def score(arch: Arch, calls: list[Arch] = calls) -> dict[str, float]:
            if len(calls) == 8:
                raise Stop
            calls.append(arch)
            return _score(arch)

        again = tmp_path / f'{n}_again.journal'
        with pytest.raises(Stop):
            run_search(search, _study(again, objectives), score)
        assert run_search(search, _study(again, objectives), _score) == whole
        assert calls == [record.arch for record in whole[:8]]


def _search(kind: str, space: Any, objectives: Objectives, counter: Counter) -> Any:
    if kind == 'predictor':
        pytest.importorskip('sklearn')
        numbers = {'num_initial': 6, 'batch': 5, 'num_total': 15, 'offspring': 10}
        return PredictorSearch(space, objectives, counter, **numbers)
    if kind == 'optuna':
        options = {'n_startup_trials': 5}
        return OptunaSearch(space, objectives, counter, batch=5, num_total=15, options=options)
    if space.role('fusion'):
        numbers = {'num_initial': 6, 'num_parents': 3, 'num_total': 15}
        return TopologyEvolution(space, objectives, counter, **numbers)
    return NSGA2(space, objectives, counter, population=5, num_total=15)


def _study(path: Path, objectives: Objectives) -> SearchStudy:
    return SearchStudy.open(str(path), 'contract', objectives, {'seed': 0})


def _score(arch: Arch) -> dict[str, float]:
    """A number that depends on all of an arch, and nothing else."""
    return {'score': float(sum(json.dumps(arch.to_dict()).encode()) % 997)}
