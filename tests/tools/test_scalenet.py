"""ScaleNet from training to the scaled nets, as a user gives the commands; bad input."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from scalenas.arch import Arch, from_file
from scalenas.scaling import SearchedScalings

from ..export.classifier import SCALED, config, write_pictures
from ..processes import run_tool

BUDGET = {'base_macs': 'auto', 'base_samples': 300, 'base_step': 10_000, 'tolerance': 0.4}
MCEA: dict[str, Any] = {
    'type': 'mcea',
    **BUDGET,
    'growth': 2.0,
    'num_bases': 2,
    'iterations': 1,
    'population': 3,
    'generations': 2,
}


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ScaleNet supernet, trained for three iterations and searched by MCEA."""
    root = tmp_path_factory.mktemp('scalenet')
    write_pictures(root, {'train': 6, 'search': 3, 'test': 4})
    backbone = {'type': 'scalenas.ChoiceMBConvNet', 'space': SCALED.to_dict(), 'resize': True}
    head = {'type': 'LinearClsHead', 'in_channels': 24}
    cfg = config(root, backbone, head, {'type': 'hierarchical', 'eta': 'equal'})
    cfg.search.algorithm = MCEA
    cfg.dump(root / 'supernet.py')
    for done in (
        run_tool('train', root / 'supernet.py', '--work-dir', root / 'trained'),
        run_tool('search', *searched(root)),
    ):
        assert done.returncode == 0, done.stderr
    return root


def searched(root: Path) -> tuple[object, ...]:
    """Arguments of the search."""
    weights = root / 'trained/iter_3.pth'
    return root / 'supernet.py', weights, '--work-dir', root / 'found'


def arch(path: Path) -> Arch:
    """An arch file."""
    return from_file(path)


def test_the_search_leaves_iterations_scalings_and_the_nets_of_all_stages(world: Path) -> None:
    found = world / 'found'
    rows = list(csv.DictReader((found / 'iterations.csv').open()))
    assert [row['iteration'] for row in rows] == ['0', '1']
    for row in rows:
        for stage in (1, 2):
            f_j = float(rows[0]['base_macs']) * 2**stage  # of some base within the tolerance
            assert 0.3 * f_j < float(row[f'stage{stage}_macs']) < 3.0 * f_j
    assert (found / 'iterations.png').stat().st_size > 10_000
    assert arch(found / 'stages/s0.yaml') in SCALED.base
    scalings = SearchedScalings.from_file(found / 'scalings.yaml')
    for stage in (1, 2):
        assert scalings(stage) in SCALED.strategies(stage)
        assert arch(found / f'stages/s{stage}.yaml') in SCALED


@pytest.mark.parametrize('stage', [0, 1, 2])
def test_every_stage_is_exported_with_the_weights_that_it_has_in_the_supernet(
    world: Path, stage: int
) -> None:
    """The tool itself compares the written net with the supernet and fails where they differ."""
    given = world / f'found/stages/s{stage}.yaml', world / 'trained/iter_3.pth'
    out = world / f'exported{stage}'
    given += '--config', world / 'supernet.py', '--out', out
    done = run_tool('export', *given, warm=stage > 0)
    assert done.returncode == 0, done.stderr
    written = Config.fromfile(out / f's{stage}.py').model.backbone
    assert written.type == 'scalenas.ScaleMBConvNet'
    assert arch(out / f's{stage}.yaml') == arch(world / f'found/stages/s{stage}.yaml')


@pytest.mark.parametrize('stage', [1, 2])
def test_scaling_the_base_gives_the_nets_of_the_search_again(world: Path, stage: int) -> None:
    found, out = world / 'found', world / f'again{stage}.yaml'
    strategy = f'{found / "scalings.yaml"}:s{stage}'
    done = run_tool('scale', found / 'stages/s0.yaml', strategy, '--head', 'cls:3', '--out', out)
    assert done.returncode == 0, done.stderr
    assert arch(out) == arch(found / f'stages/s{stage}.yaml')


def test_scaling_goes_beyond_the_stages_that_were_searched(world: Path) -> None:
    found, out = world / 'found', world / 'beyond.yaml'
    given = found / 'stages/s0.yaml', f'{found / "scalings.yaml"}:s3', '--head', 'cls:3'
    done = run_tool('scale', *given, '--out', out)
    assert done.returncode == 0, done.stderr
    scalings = SearchedScalings.from_file(found / 'scalings.yaml')
    base = SCALED.base.decode(SCALED.base.encode(arch(found / 'stages/s0.yaml')))
    assert arch(out) == base.scaled(scalings(3), scalings.rule)


@pytest.mark.parametrize(
    ('args', 'line'),
    [
        (('--max-macs', '1e9'), 'whose stages have budgets of their own'),
        (('--cfg-options', 'search.algorithm.base_macs=9e9'), 'was made with another algorit'),
        (
            ('--study-name', 'x', '--cfg-options', 'search.algorithm.base_macs=9e9'),
            '9,000.0M macs',
        ),
        (
            ('--cfg-options', 'model.architecture.backbone.space.stages.1.width=[1.04]'),
            'stages[1].width: ',
        ),
    ],
)
def test_a_mistake_is_one_line(world: Path, args: tuple[str, ...], line: str) -> None:
    done = run_tool('search', *searched(world), *args, warm=True)
    assert done.returncode == 2
    assert line in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_study_of_another_space_is_refused(world: Path) -> None:
    """Another supernet, trained in a space with one factor less, in the same work dir."""
    option = 'model.architecture.backbone.space.stages.1.width=[1.04]'
    given = '--work-dir', world / 'other', '--cfg-options', option
    assert run_tool('train', world / 'supernet.py', *given, warm=True).returncode == 0
    arguments = (world / 'supernet.py', world / 'other/iter_3.pth', '--work-dir', world / 'found')
    done = run_tool('search', *arguments, '--cfg-options', option, warm=True)
    assert done.returncode == 2
    assert 'was made with another space' in done.stderr
