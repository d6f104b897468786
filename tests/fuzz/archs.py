"""Arch files: those that programs write, the same with one fault, and bytes of all kinds."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from scalenas.arch import (
    ROUNDINGS,
    Arch,
    HRArch,
    Scaling,
    dump,
    find,
    from_dict,
    from_file,
    list_archs,
    load,
    named,
    pruned,
    regnet,
)
from scalenas.complexity import Counter
from scalenas.space import AbstractSpace, HRSpace, bignas_space, scalenet_scaled_space
from scalenas.visualization import cost_rows, cost_text

from .case import Case

HUGE = 10**5000
NO_NUMBERS: tuple[Any, ...] = (
    *(True, False, 0, -1, 1.0, 3.5, math.nan, math.inf, -math.inf, 10**12, HUGE, 1e300),
    *('3', '', 'x' * 500, 'ß', '٣', {}, {'a': 1}, [[[[]]]], b'3', 3j, {3}, (1, (2,))),
)
KEYS = ('stemm', 'Family', 'stage', 'größe', '深さ', '', ' ', 'x' * 300, 0, True, None, 1.5)
ALIASES = '\n'.join(
    ['a0: &a0 [1, 1]', *(f'a{n}: &a{n} [*a{n - 1}, *a{n - 1}]' for n in range(1, 50))]
)
BOMBS = (
    ALIASES,
    f'family: hrnet\nstages: &s [[1]]\n{ALIASES}',
    'family: mbconv\nstages: &a [*a]',
    '&a\nfamily: hrnet\nstages: *a',
    f'{ALIASES}\n? *a49\n: 1',
    'family: regnet\nstages: ' + '[' * 20_000,
    '{' * 300,
    '- ' * 3000 + '1',
    'family: hrnet\nstages: "' + 'x' * 60_000 + '"',
    'a: ' + '9' * 9000,
    'a: 0x' + 'f' * 9000,
    'a: 1:' + '59:' * 3000 + '1',
    'a: !!python/object/apply:os.system [ls]',
    'a: !!binary "%%%"',
    'a: 2001-99-99',
    'a: !!timestamp x',
    'a: !!bool x',
    'a: !!int ""',
    'a: !!float x',
    'a: !!null x\nb: !!pairs 5',
    'a: !!set {1, 1}',
    '!!omap [1]',
    'family: hrnet\n---\nfamily: hrnet',
    '<<: [1]',
    '? {a: 1}\n: 2',
)


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless inputs."""
    spaces: list[AbstractSpace[Any]] = [
        HRSpace(8, (1, 2), (1, 2, 3)),
        HRSpace(32),
        HRSpace(16, (1, 1), (1, 2), inner_widths=(0.5, 0.75, 1)),
        HRSpace(6, (1, 1, 1), (1, 2), output='single'),
        bignas_space(),
        scalenet_scaled_space(),
    ]
    kinds: list[Callable[[random.Random, Any, Path], Case]] = [
        *(right, right, wrong_number, wrong_number, wrong_key, lost_key, key_twice),
        *(mutated, mutated, bomb, garbage, as_file, a_name, plain_values),
    ]
    while True:
        yield rng.choice(kinds)(rng, any_arch(rng, spaces), folder)


def any_arch(rng: random.Random, spaces: list[AbstractSpace[Any]]) -> Arch:
    """A network of any family."""
    kind = rng.randrange(5)
    if kind == 0:
        arch: Arch = named(rng.choice(list_archs()))
    elif kind == 1:
        group = 8 * rng.randint(1, 3)
        arch = regnet(rng.randint(1, 20), 24, 20 * rng.random(), 1.5 + rng.random(), group)
    else:
        arch = rng.choice(spaces).sample(rng)
    if kind == 2:
        rule = rng.choice(list(ROUNDINGS.values()))
        arch = arch.scaled(Scaling(*(0.5 + 2 * rng.random() for _ in range(3))), rule)
    return pruned(arch) if kind == 3 and isinstance(arch, HRArch) else arch


def use(arch: Arch) -> None:
    """What everybody does with a network who has read one."""
    size = arch.size or (64, 96)
    assert load(dump(arch)) == arch
    assert hash(load(dump(arch))) == hash(arch)
    rows = cost_rows(arch, size)
    assert sum(row.cost['macs'] for row in rows) == Counter(size)(arch)['macs']
    assert cost_text(rows)
    assert arch.features(size)


def read(text: str) -> None:
    use(load(text))


def read_dict(data: Any) -> None:
    use(from_dict(data))


def right(rng: random.Random, arch: Arch, folder: Path) -> Case:
    data = arch.to_dict()
    text = rng.choice(
        [dump(arch), json.dumps(data), dump(arch).replace('\n', '\r\n'), f'# ä\n{dump(arch)}\n\n']
    )
    return Case(f'right {arch.family}', partial(read, text), False)


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places of whole numbers."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from leaves(value, (*path, i))
    elif isinstance(data, int) and not isinstance(data, bool):
        yield path


def changed(data: Any, path: tuple[Any, ...], value: object) -> Any:
    found = copy.deepcopy(data)
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return found


def wrong_number(rng: random.Random, arch: Arch, folder: Path) -> Case:
    data = arch.to_dict()
    path, value = rng.choice(list(leaves(data))), rng.choice(NO_NUMBERS)
    # RegNets may have bottlenecks of any ratio.
    free = path[-1] == 'bottleneck' and isinstance(value, float)
    wrong = None if free else True
    return Case(f'{path} = {type(value)!s}', partial(read_dict, changed(data, path, value)), wrong)


def mappings(data: Any) -> Iterator[dict[Any, Any]]:
    if isinstance(data, dict):
        yield data
        for value in data.values():
            yield from mappings(value)
    elif isinstance(data, list):
        for value in data:
            yield from mappings(value)


def wrong_key(rng: random.Random, arch: Arch, folder: Path) -> Case:
    data = copy.deepcopy(arch.to_dict())
    place = rng.choice(list(mappings(data)))
    key = rng.choice(KEYS)
    place[key] = rng.choice(NO_NUMBERS)
    return Case(f'key {key!r}', partial(read_dict, data), True)


REQUIRED = {'family', 'stages', 'channels', 'modules', 'depths', 'fusions', 'width', 'group_width'}


def lost_key(rng: random.Random, arch: Arch, folder: Path) -> Case:
    data = copy.deepcopy(arch.to_dict())
    places = [(m, key) for m in mappings(data) for key in m if key in REQUIRED]
    place, key = rng.choice(places)
    del place[key]
    return Case(f'without {key}', partial(read_dict, data), True)


def key_twice(rng: random.Random, arch: Arch, folder: Path) -> Case:
    lines = [line for line in dump(arch).splitlines() if not line.startswith((' ', '-'))]
    return Case('key twice', partial(read, f'{dump(arch)}\n{rng.choice(lines)}\n'), True)


def mutated(rng: random.Random, arch: Arch, folder: Path) -> Case:
    text = list(dump(arch))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text))
        what = rng.randrange(4)
        if what == 0:
            text[at] = rng.choice('0123456789[]{}:,-<>\'"&*!|%@` \n\tabcä\x00\x85\ufeff')
        elif what == 1:
            del text[at : at + rng.randint(1, 30)]
        elif what == 2:
            text[at:at] = text[at : at + rng.randint(1, 60)]
        else:
            text[at:at] = list(rng.choice(['&a ', '*a', '<<: ', '!!int ', '.nan', 'true', '1e9']))
        text = text or ['x']
    return Case('mutated', partial(read, ''.join(text)), None)


def bomb(rng: random.Random, arch: Arch, folder: Path) -> Case:
    return Case('bomb', partial(read, rng.choice(BOMBS)), True)


def garbage(rng: random.Random, arch: Arch, folder: Path) -> Case:
    size = rng.randint(0, 200)
    return Case('garbage', partial(read, rng.randbytes(size).decode('latin-1')), True)


def as_file(rng: random.Random, arch: Arch, folder: Path) -> Case:
    path = folder / f'{rng.randrange(10)}.yaml'
    good = dump(arch).encode()
    content, wrong = rng.choice(
        [
            (good, False),
            (b'\xef\xbb\xbf' + good, None),
            (good.decode().encode('utf-16'), True),
            (b'\xff\xfe\x00\x01', True),
            (b'PK\x03\x04' + rng.randbytes(50), True),
            (b'\x80\x02}q\x00.', True),
            (b'', True),
            (good + b'\x00', True),
            (good[: len(good) // 2], None),
        ]
    )

    def run() -> None:
        path.write_bytes(content)
        use(from_file(path))

    return Case('file', run, wrong)


NAMES = ('', '.', '..', '/', '\0', 'a' * 300, 'a' * 5000, 'x\0.yaml', '../archs/x', 'ä.yaml', '*')


def a_name(rng: random.Random, arch: Arch, folder: Path) -> Case:
    if rng.random() < 0.3:
        name = rng.choice(list_archs())
        return Case('name', lambda: use(find(name)), False)
    name = rng.choice(
        [*NAMES, str(folder), f'{folder}.yaml', f'{folder}/none.yaml', 'a' * 300 + '.yml']
    )
    return Case(f'name {name[:20]!r}', lambda: use(find(name)), True)


def plain_values(rng: random.Random, arch: Arch, folder: Path) -> Case:
    """Data of a config in Python, where lists may be anything."""
    data = copy.deepcopy(arch.to_dict())
    endless: list[Any] = []
    endless.append(endless)
    many: list[Any] = [1, 2]
    for _ in range(60):
        many = [many, many]
    strange = rng.choice([endless, many, iter(()), object(), print, range(3), {1, 2}, 'hrnet', 5])
    wrong: bool | None = True
    what = rng.randrange(3)
    if what == 0:
        data['stages'] = strange
    elif what == 1:
        data = strange
    else:
        data['stages'] = tuple(data['stages'])  # type: ignore[arg-type]
        wrong = False
    return Case('values', partial(read_dict, data), wrong)
