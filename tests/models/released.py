"""Names and shapes of the released W32 supernets, written out from the files in data/."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parent / 'data'
NORM = ('weight', 'bias', 'running_mean', 'running_var')


def released(head: str) -> dict[str, tuple[int, ...]]:
    """Key -> shape of the supernet with the 'seg' or 'pose' head."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part in ('backbone', f'{head}_head'):
        for line in (DATA / f'released_w32_{part}.txt').read_text().splitlines():
            pattern, *rest = line.split()
            for name in _written_out(pattern):
                if rest[0] == 'bn':
                    shapes |= {f'{name}.{key}': (int(rest[1]),) for key in NORM}
                    shapes[f'{name}.num_batches_tracked'] = ()
                else:
                    assert name not in shapes
                    shapes[name] = tuple(map(int, rest[0].split('x')))
    return shapes


def _written_out(pattern: str) -> Iterator[str]:
    """'a{0..2}.b' -> a0.b, a1.b, a2.b."""
    texts = re.split(r'\{(\d)\.\.(\d)\}', pattern)
    ranges = [range(int(a), int(b) + 1) for a, b in zip(texts[1::3], texts[2::3], strict=True)]
    for numbers in itertools.product(*ranges):
        yield ''.join(t + str(n) for t, n in zip(texts[::3], [*numbers, ''], strict=True))
