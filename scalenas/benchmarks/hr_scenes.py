"""An HRNet-style space on procedural scenes: each of its networks evaluated once in a supernet.

64x64 images of eight classes; width 8, three resolutions, a head on the finest map. The two
branches of stage 2 have 1 or 4 blocks each, the three of the first module of stage 3 have 1 to 4,
and the finest of its second module 1 or 4; three fusions into the finest map, each after the first
block of a module of stage 3, are on or off: 4,096 networks. Blocks that no fusion brings to the
finest map cost and change nothing: there are 1,584 different functions, each evaluated once, and
networks of one function have one score.

The supernet was trained as in ScaleNAS (Cheng et al. 2020, sections 3.3 and 3.4): grouped sampling,
distilled from its largest network, started from that one's weights, at that one's learning rate.
Networks spread by cost were also trained alone.

`python benchmarks/hr_scenes.py` in the repository makes the files anew; docs/rank.md says how far
the supernet orders networks as training alone does.
"""

from __future__ import annotations

from pathlib import Path

from .table import TableBenchmark

SCORES = Path(__file__).with_name('hr_scenes.npz')
ALONE = Path(__file__).with_name('hr_scenes_alone.csv')


def load() -> TableBenchmark:
    """The benchmark, in less than a second.

    Raises:
        BenchmarkError: where a file of the package is missing or damaged.
    """
    return TableBenchmark.read(SCORES, ALONE)
