"""Checkpoints: sound ones in every form, and ones with something wrong in the file or in it."""

from __future__ import annotations

import copy
import datetime
import fractions
import io
import logging
import math
import random
import zipfile
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer, MMLogger
from torch import Tensor, nn

from scalenas.models.checkpoint import check_space, check_weights, load_checkpoint
from scalenas.space import HRSpace
from scalenas.training.resume import check_training

from .case import Case

SPACE = HRSpace(8, (1, 1, 1), (1, 2), stem=8, stage1_blocks=1, stage1_channels=8)
Content = dict[str, Any]
Change = Callable[[Content, random.Random], Any]


def net() -> nn.Module:
    """What the checkpoints are of."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


OWN = net().state_dict()
FLOATS = [key for key, value in OWN.items() if value.is_floating_point()]


def training() -> Content:
    """A checkpoint as a Runner writes it."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    model(torch.rand(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    meta = {
        'epoch': 0,
        'iter': 3,
        'cfg': 'a = 1',
        'seed': 1,
        'scalenas': {'space': SPACE.to_dict(), 'version': '1'},
        'dataset_meta': {'classes': ('a', 'b'), 'sigmas': np.ones(3), 'none': np.array([])},
    }
    hub = {
        'log_scalars': OrderedDict(loss=HistoryBuffer([1.0, 2.0], [1, 1])),
        'runtime_info': OrderedDict(iter=3, best=np.float64(3)),
        'resumed_keys': OrderedDict(),
    }
    state = OrderedDict(model.state_dict())
    return {
        'meta': meta,
        'state_dict': state,
        'message_hub': hub,
        'optimizer': optimizer.state_dict(),
        'param_schedulers': [{'last_step': 3}],
    }


def read(path: Path) -> None:
    """What all tools together ask of a checkpoint."""
    content = load_checkpoint(path)
    check_weights(OWN, content['state_dict'], path)
    check_space(content, SPACE, path)
    check_training(content, str(path))


def read_weights(path: Path) -> None:
    """What is asked of weights alone."""
    check_weights(OWN, load_checkpoint(path)['state_dict'], path)


def cases(rng: random.Random, folder: Path) -> Iterator[Case]:
    """Endless: a third sound, a third with something wrong in it, a third broken files."""
    logger = MMLogger.get_current_instance()
    level, path = logger.level, folder / 'net.pth'
    logger.setLevel(logging.ERROR)
    try:
        while True:
            for table, wrong in ((SOUND, False), (WRONG, True)):
                name = rng.choice(list(table))
                content = training()
                changed = table[name](content, rng)
                save(content if changed is None else changed, path, rng)
                yield Case(name, partial(read, path), wrong)
            name = rng.choice(list(BARE))
            save(BARE[name](rng), path, rng)
            yield Case(name, partial(read_weights, path), name.startswith('wrong'))
            name = rng.choice(list(FILES))
            save(training(), path, rng, zipped=name in ZIPPED or None)
            wrong = FILES[name](path, rng)
            yield Case(name, partial(read, path), wrong)
    finally:
        logger.setLevel(level)


def save(content: Any, path: Path, rng: random.Random, zipped: bool | None = None) -> None:
    """In the format of now, at times in that of before torch 1.6."""
    form = rng.random() < 0.8 if zipped is None else zipped
    torch.save(content, path, _use_new_zipfile_serialization=form)


# Sound: other forms of the same weights, and whatever else the ecosystem keeps beside them.


def meta(value: Any) -> Change:
    def change(content: Content, rng: random.Random) -> None:
        content['meta']['dataset_meta'][rng.choice('xyz')] = rng.choice(
            [value, [value], {'a': value}]
        )

    return change


def cast(dtype: torch.dtype) -> Change:
    def change(content: Content, rng: random.Random) -> None:
        state = content['state_dict']
        for key in rng.sample(FLOATS, rng.randint(1, len(FLOATS))):
            state[key] = state[key].to(dtype)

    return change


def shuffled(content: Content, rng: random.Random) -> None:
    items = list(content['state_dict'].items())
    rng.shuffle(items)
    content['state_dict'] = dict(items)


def averaged(content: Content, rng: random.Random) -> None:
    content['ema_state_dict'] = {f'module.{k}': v for k, v in OWN.items()}


def parameters(content: Content, rng: random.Random) -> None:
    key = rng.choice(FLOATS)
    content['state_dict'][key] = nn.Parameter(content['state_dict'][key])


def views(content: Content, rng: random.Random) -> None:
    key = rng.choice(FLOATS)
    whole = torch.stack([content['state_dict'][key]] * 2, dim=-1)
    content['state_dict'][key] = whole[..., 0]


PLAIN: tuple[Any, ...] = (
    *(np.arange(3).astype(kind) for kind in '?bhilBHILefd'),
    np.zeros((0, 2), 'i4'),
    np.array(['a', 'bc']),
    np.array(['a', 1], object),
    np.array(['2026-11-27'], 'M8[s]'),
    np.float16(1),
    np.str_('x'),
    b'',
    {1},
    frozenset({1}),
    1j,
    10**30,
    datetime.datetime(2026, 1, 1),
    ConfigDict(a=ConfigDict(b=1)),
    torch.zeros(2, dtype=torch.int8),
    float('nan'),
)
SOUND: dict[str, Change] = {
    'as written': lambda content, rng: None,
    'shuffled': shuffled,
    'averaged': averaged,
    'parameters': parameters,
    'views': views,
    **{f'as {str(d)[6:]}': cast(d) for d in (torch.float16, torch.bfloat16, torch.float64)},
    **{f'meta {type(v).__name__} {n}': meta(v) for n, v in enumerate(PLAIN)},
}

# Wrong: one thing that a tool cannot use.


def entry(change: Callable[[Tensor, random.Random], Any], keys: list[str] = FLOATS) -> Change:
    def put(content: Content, rng: random.Random) -> None:
        key = rng.choice(keys)
        content['state_dict'][key] = change(content['state_dict'][key].clone(), rng)

    return put


def value(*numbers: float) -> Callable[[Tensor, random.Random], Tensor]:
    def put(tensor: Tensor, rng: random.Random) -> Tensor:
        tensor.view(-1)[rng.randrange(tensor.numel())] = rng.choice(numbers)
        return tensor

    return put


def reshaped(tensor: Tensor, rng: random.Random) -> Tensor:
    return rng.choice(
        [tensor[None], tensor.flatten()[:-1], tensor.flatten()[None, None], tensor[:0]]
    )


def dropped(content: Content, rng: random.Random) -> None:
    state = content['state_dict']
    for key in rng.sample(list(state), rng.randint(1, len(state))):
        del state[key]


def renamed(content: Content, rng: random.Random) -> None:
    state, key = content['state_dict'], rng.choice(list(OWN))
    new = rng.choice([f'module.{key}', key.upper(), f'{key} ', key[1:], '', '.', 'ключ', 3, None])
    state[new] = state.pop(key)


def added(content: Content, rng: random.Random) -> None:
    content['state_dict'][f'head.{rng.random()}'] = torch.ones(2)


def without(*path: str) -> Change:
    def change(content: Content, rng: random.Random) -> None:
        part = content
        for key in path[:-1]:
            part = part[key]
        if rng.random() < 0.5:
            del part[path[-1]]
        else:
            part[path[-1]] = rng.choice([None, 'x', [], -1, True, 3.5])

    return change


def lost_momentum(content: Content, rng: random.Random) -> None:
    state = content['optimizer']['state']
    state[rng.choice(list(state))]['momentum_buffer'].view(-1)[0] = math.nan


def other_space(content: Content, rng: random.Random) -> None:
    space = content['meta']['scalenas']['space']
    key = rng.choice(list(space))
    space[key] = rng.choice([None, 'x', [1], {'a': 1}, -3, [space[key]]])


def instead(content: Content, rng: random.Random) -> Any:
    return rng.choice(
        [[], {}, 'x', 3, [content], {'model': content}, {'state_dict': [1]}, torch.ones(2)]
    )


NO_TENSORS: tuple[Any, ...] = (None, 'x', 1.0, [1.0, 2.0], {'a': 1}, b'x', np.ones(2), (), True)
FOREIGN: tuple[Any, ...] = (
    fractions.Fraction(1, 2),
    deque([1]),
    np.zeros(1, [('a', 'f4')]),
    nn.Linear(1, 1),
    Case('', print, None),
    range(3),
    print,
    io.BytesIO,
)
WRONG: dict[str, Change] = {
    'not finite': entry(value(math.nan, math.inf, -math.inf)),
    'negative variance': entry(value(-1e-30, -1.0), ['1.running_var']),
    'integers': entry(
        lambda t, rng: t.to(rng.choice([torch.int8, torch.int64, torch.uint8, torch.bool]))
    ),
    'complex': entry(lambda t, rng: t.to(torch.complex64)),
    'eight bits': entry(lambda t, rng: t.to(rng.choice([torch.float8_e4m3fn, torch.float8_e5m2]))),
    'sparse': entry(lambda t, rng: t.to_sparse()),
    'without values': entry(lambda t, rng: t.to('meta')),
    'infinite as float32': entry(lambda t, rng: value(1e300, -1e39)(t.double(), rng)),
    'floats that count': entry(lambda t, rng: t.float(), ['1.num_batches_tracked']),
    'other shape': entry(reshaped),
    'no tensor': entry(lambda t, rng: copy.copy(rng.choice(NO_TENSORS))),
    'dropped': dropped,
    'renamed': renamed,
    'added': added,
    'foreign class': lambda content, rng: meta(rng.choice(FOREIGN))(content, rng),
    'something else': instead,
    'other space': other_space,
    'lost momentum': lost_momentum,
    **{
        f'without {".".join(path)}': without(*path)
        for path in (
            ('meta',),
            ('meta', 'iter'),
            ('meta', 'scalenas'),
            ('optimizer',),
            ('message_hub',),
            ('message_hub', 'log_scalars'),
            ('state_dict',),
        )
    },
}
BARE: dict[str, Callable[[random.Random], Any]] = {
    'bare': lambda rng: dict(OWN),
    'bare and ordered': lambda rng: OrderedDict(OWN),
    'bare, in double': lambda rng: {
        k: v.double() if v.is_floating_point() else v for k, v in OWN.items()
    },
    'wrong: bare and empty': lambda rng: OrderedDict(),
    'wrong: bare with a list': lambda rng: {**OWN, 'epoch': [rng.random()]},
    'wrong: bare with NaN': lambda rng: {**OWN, '3.bias': torch.tensor([math.nan, rng.random()])},
}

# Files of which bytes are wrong; each says whether that is known to do harm.


def flip(path: Path, rng: random.Random) -> bool | None:
    """One byte; within a record it is harm, between them nobody reads it."""
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    data[at] ^= rng.randrange(1, 256)
    harm = None
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            head = data[info.header_offset : info.header_offset + 30]
            start = info.header_offset + 30 + head[26] + 256 * head[27] + head[28] + 256 * head[29]
            harm = True if start <= at < start + info.file_size else harm
    path.write_bytes(data)
    return harm


def cut(path: Path, rng: random.Random) -> bool | None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])
    return True


def overwritten(path: Path, rng: random.Random) -> bool | None:
    data = bytearray(path.read_bytes())
    size = rng.randint(300, 900)
    at = rng.randrange(len(data) - size)
    data[at : at + size] = rng.choice([bytes(size), rng.randbytes(size)])
    path.write_bytes(data)
    return None


def longer(path: Path, rng: random.Random) -> bool | None:
    data = path.read_bytes()
    more = rng.choice([b'\0', data, rng.randbytes(50)])
    at = rng.choice([0, len(data), rng.randrange(len(data))])
    path.write_bytes(data[:at] + more + data[at:])
    return None


def noise(path: Path, rng: random.Random) -> bool | None:
    """Bytes without sense, some of which begin as a checkpoint does."""
    head = path.read_bytes()[: rng.choice([0, 4, 15, 30])]
    path.write_bytes(head + rng.randbytes(rng.randrange(400)))
    return True


def without_checksums(path: Path, rng: random.Random) -> bool | None:
    """Bytes of the older format, of which no checksum knows."""
    save(training(), path, rng, zipped=False)
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 3, 20])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)
    return None


def other_pickle(path: Path, rng: random.Random) -> bool | None:
    """A pickle with wrong bytes and right checksums: somebody's, not an accident's."""
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    name = next(name for name in records if name.endswith('data.pkl'))
    data = bytearray(records[name])
    for _ in range(rng.choice([1, 1, 2, 8])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    records[name] = bytes(data)
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return None


FILES: dict[str, Callable[[Path, random.Random], bool | None]] = {
    'byte flipped': flip,
    'cut': cut,
    'overwritten': overwritten,
    'longer': longer,
    'noise': noise,
    'older format, bytes wrong': without_checksums,
    'pickle wrong, checksums right': other_pickle,
}
ZIPPED = ('byte flipped', 'pickle wrong, checksums right')
