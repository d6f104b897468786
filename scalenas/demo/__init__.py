"""The demos: chains of commands as a user would give them, and the report at the end of each."""

from __future__ import annotations

from pathlib import Path

from .finetuning import DetectionDemo
from .searching import LAND, POSE, SearchDemo
from .single_stage import SingleStageDemo

__all__ = [
    'DATA',
    'DEMOS',
    'LAND',
    'POSE',
    'DetectionDemo',
    'SearchDemo',
    'SingleStageDemo',
    'demo_of',
]

DATA = {'segmentation': 'earth', 'pose': 'people', 'detection': 'trees', 'bignas': 'digits'}
"""Demo -> the demo data that it runs on."""

DEMOS = tuple(DATA)


def demo_of(
    name: str, work: Path | None = None, data: Path | None = None, quick: bool = False
) -> SearchDemo | DetectionDemo | SingleStageDemo:
    """The demo of this name, in its usual folders unless others are given."""
    suffix = '' if name == 'segmentation' else f'_{name}'
    quickly = '_quick' if quick else ''
    work = work or Path(f'work_dirs/demo{suffix}{quickly}')
    data = data or Path('data') / DATA[name]
    if name == 'bignas':
        return SingleStageDemo(work, data, quick)
    if name == 'detection':
        backbones = Path(f'work_dirs/demo{quickly}')
        return DetectionDemo(work, data, SearchDemo(LAND, backbones, Path('data/earth'), quick))
    return SearchDemo({'segmentation': LAND, 'pose': POSE}[name], work, data, quick)
