"""The demos: chains of commands as a user would give them, and the report at the end of each."""

from __future__ import annotations

from pathlib import Path

from scalenas.errors import UserError

from .finetuning import PEOPLE, TREES, DetectionDemo
from .scalenet import LONG, MINUTES, QUICK, ScaleNetDemo
from .searching import LAND, POSE, SearchDemo
from .single_stage import SingleStageDemo

__all__ = [
    'DATA',
    'DEMOS',
    'LAND',
    'POSE',
    'Demo',
    'DetectionDemo',
    'ScaleNetDemo',
    'SearchDemo',
    'SingleStageDemo',
    'demo_of',
]

Demo = SearchDemo | DetectionDemo | ScaleNetDemo | SingleStageDemo

DATA = {
    'segmentation': 'earth',
    'pose': 'people',
    'detection': 'people',
    'trees': 'trees',
    'scalenet': 'digits',
    'bignas': 'digits',
}
"""Demo -> the demo data that it runs on."""

DEMOS = tuple(DATA)
DETECTION = {'detection': PEOPLE, 'trees': TREES}


def demo_of(
    name: str,
    work: Path | None = None,
    data: Path | None = None,
    quick: bool = False,
    long: bool = False,
) -> Demo:
    """The demo of this name, in its usual folders unless others are given.

    Raises:
        UserError: when it has no long form, or is to be quick and long.
    """
    if long and (quick or name != 'scalenet'):
        allowed = 'the demo scalenet, without --quick'
        raise UserError(where='--long', got=name, allowed=allowed)
    suffix = '' if name == 'segmentation' else f'_{name}'
    quickly = '_quick' if quick else '_long' if long else ''
    work = work or Path(f'work_dirs/demo{suffix}{quickly}')
    data = data or Path('data') / DATA[name]
    if name == 'scalenet':
        return ScaleNetDemo(work, data, QUICK if quick else LONG if long else MINUTES)
    if name == 'bignas':
        return SingleStageDemo(work, data, quick)
    if name in DETECTION:
        land = SearchDemo(LAND, Path(f'work_dirs/demo{quickly}'), Path('data/earth'), quick)
        return DetectionDemo(DETECTION[name], work, data, land)
    return SearchDemo({'segmentation': LAND, 'pose': POSE}[name], work, data, quick)
