"""One rule for numbers in archs: true is not 1, 3.0 is not 3, and everything has a bound."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalenas.arch import (
    ROUNDINGS,
    ArchError,
    ClassificationHead,
    HigherHead,
    PoseHead,
    RCNNHead,
    Scaling,
    SegHead,
    dump,
    find,
    from_dict,
    from_file,
    load,
    named,
    parse_head,
    pruned,
    regnet,
    stock_hrnet,
)
from scalenas.arch.strict import MOST_BLOCKS, MOST_CHANNELS, MOST_SIDE, as_size
from scalenas.complexity import Budget, Counter
from scalenas.errors import UserError
from tests.errors import check_line, raises

NETS = {
    'hrnet': named('hrnet_w18_small'),
    'scaled hrnet': named('hrnet_w18_small').scaled(Scaling(2, 1.5), ROUNDINGS['nearest']),
    'pruned hrnet': pruned(named('scalenas_p1')),
    'mbconv': named('bignas_s'),
    'scaled mbconv': named('scalenet_s0').scaled(Scaling(1.2, 1.4, 1.3), ROUNDINGS['ceil']),
    'regnet': named('regnety_400mf'),
    'resnet': named('resnext50'),
}
NAN, INF = float('nan'), float('inf')
WRONG: list[Any] = [True, False, 3.5, '3', [3], {}, NAN, INF, -1, 10**12, 10**5000]


def numbers(data: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where whole numbers stand in plain data; of a list only the first."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from numbers(value, (*path, key))
    elif isinstance(data, list) and data:
        yield from numbers(data[0], (*path, 0))
    elif isinstance(data, int) and not isinstance(data, bool):
        yield path


def changed(data: Any, path: tuple[Any, ...], value: object) -> Any:
    found = copy.deepcopy(data)
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return found


@pytest.mark.parametrize('name', NETS)
def test_every_number_of_a_network_is_a_whole_one_that_can_be_meant(name: str) -> None:
    data: Any = NETS[name].to_dict()
    places = list(numbers(data))
    assert len(places) >= 6
    for path in places:
        key = [part for part in path if isinstance(part, str)][-1]
        for value in WRONG:
            if key == 'bottleneck' and value == 3.5:
                continue
            if key in ('kernel', 'expand') and value == [3]:
                continue  # one per block
            with pytest.raises(ArchError) as error:
                from_dict(changed(data, path, value))
            check_line(error.value)
            plain = not isinstance(value, dict | list)  # those may be read as one per block
            if plain and value == value:
                assert error.value.got == value, (path, value)
                assert type(error.value.got) is type(value)
                assert key.rstrip('s') in error.value.where


@pytest.mark.parametrize('what', ['stride', 'width', 'resolution', 'stem', 'in_channels'])
def test_true_is_not_one(what: str) -> None:
    data: Any = named('efficientnet_b0').to_dict()
    place = data['stages'][0] if what in data['stages'][0] else data
    place[what] = True
    with pytest.raises(ArchError) as error:
        from_dict(data)
    assert error.value.got is True
    assert error.value.where.endswith(what)


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('fusions: [[0<-1]', 'fusions: [[0<-٣]'),
        ('fusions: [[0<-1]', 'fusions: [[0<-²]'),
        ('fusions: [[0<-1]', 'fusions: [[0<-' + '9' * 5000 + ']'),
        ('fusions: [[0<-1]', 'fusions: [[[0<-1]]'),
        ('fusions: [[0<-1]', 'fusions: [[true]'),
        ('channels: [8, 16]', f'channels: [8, 0x{"f" * 9000}]'),
        ('channels: [8, 16]', f'channels: [8, {"9" * 5000}]'),
        ('channels: [8, 16]', 'channels: [8, 16.0]'),
        ('channels: [8, 16]', 'channels: [8, .inf]'),
    ],
)
def test_digits_of_other_scripts_and_huge_ones(old: str, new: str) -> None:
    text = """\
family: hrnet
stages:
- channels: [8, 16]
  modules:
  - depths: [1, 2]
    fusions: [[0<-1], [1<-0]]
"""
    assert load(text)
    assert old in text
    with pytest.raises(ArchError) as error:
        load(text.replace(old, new))
    check_line(error.value)


LAUGHS = '\n'.join(
    ['a0: &a0 [1, 1]', *(f'a{n}: &a{n} [*a{n - 1}, *a{n - 1}]' for n in range(1, 60))]
)
YAMLS = {
    'aliases that multiply': LAUGHS,
    'in the place of an arch': f'{LAUGHS}\nfamily: *a59\n',
    'in the place of stages': f'family: hrnet\nx: 1\nstages: &s [[1], [1]]\n{LAUGHS}',
    'a list that holds itself': 'family: mbconv\nstages: &a [*a]\n',
    'a mapping that holds itself': '&a\nfamily: hrnet\nstages: *a\n',
    'as a key': LAUGHS + '\n? *a59\n: 1\n',
    'brackets': '[' * 100_000,
    'a long text': 'family: hrnet\nstages: "' + 'x' * 1_000_000 + '"\n',
    'many values': 'family: mbconv\nstages: [' + '1,' * 60_000 + ']\n',
}


@pytest.mark.parametrize('what', YAMLS)
def test_no_yaml_takes_for_ever(what: str, tmp_path: Path) -> None:
    start = time.perf_counter()
    with pytest.raises(ArchError) as error:
        load(YAMLS[what])
    path = tmp_path / 'net.yaml'
    path.write_text(YAMLS[what])
    with pytest.raises(ArchError) as of_file:
        from_file(path)
    assert time.perf_counter() - start < 15
    check_line(error.value)
    check_line(of_file.value, path)


def test_an_alias_that_does_not_multiply_is_fine() -> None:
    module = yaml.safe_load('{depths: [1, 2], fusions: [[0<-1], [1<-0]]}')
    data = {'family': 'hrnet', 'stages': [{'channels': [8, 16], 'modules': [module] * 3}]}
    text = yaml.safe_dump(data)
    assert '*id001' in text
    assert load(text) == from_dict(data)


def test_the_largest_that_can_be_described() -> None:
    """Counting it takes less than a second; what is larger is refused at once."""
    data: Any = named('efficientnet_b0').to_dict()
    rest = named('efficientnet_b0').num_blocks - 1
    data['stages'][0] |= {'depth': MOST_BLOCKS - rest, 'width': MOST_CHANNELS}
    data['resolution'] = MOST_SIDE
    assert Counter()(from_dict(data))['macs'] > 10**20
    data['stages'][0]['depth'] += 1
    with pytest.raises(ArchError) as error:
        from_dict(data)
    assert error.value.got == MOST_BLOCKS + 1


@pytest.mark.parametrize('name', NETS)
@pytest.mark.parametrize('factor', [1e3, 1e6, 1e12, 1e300, 10**400])
@pytest.mark.parametrize('what', ['depth', 'width', 'resolution', 'group'])
def test_growth_without_end_is_refused_at_once(name: str, what: str, factor: float) -> None:
    start = time.perf_counter()
    with contextlib.suppress(ArchError):
        grown = NETS[name].scaled(Scaling(**{what: factor}), ROUNDINGS['pycls'])
        assert Counter(None if grown.size else (64, 64))(grown)['macs'] > 0
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    'make',
    [
        lambda bad: stock_hrnet(bad),
        lambda bad: stock_hrnet(8, (bad,)),
        lambda bad: stock_hrnet(8, (1,), depth=bad),
        lambda bad: regnet(bad, 24, 24.48, 2.49, 8),
        lambda bad: regnet(8, bad, 24.48, 2.49, 8),
        lambda bad: regnet(8, 24, 24.48, 2.49, bad),
        SegHead,
        PoseHead,
        ClassificationHead,
        lambda bad: ClassificationHead(5, bad),
        HigherHead,
        lambda bad: HigherHead(5, bad),
        lambda bad: HigherHead(5, 5, bad),
        RCNNHead,
        lambda bad: RCNNHead(5, num_proposals=bad),
        lambda bad: Counter((bad, 64)),
        lambda bad: Counter((64, bad)),
        lambda bad: as_size((64, bad), 'size'),
    ],
)
def test_numbers_of_heads_and_makers(make: Any) -> None:
    for bad in (True, 0, -1, 1.5, '3', [3], float('nan'), 10**12, 10**5000):
        start = time.perf_counter()
        with pytest.raises(UserError) as error:
            make(bad)
        assert time.perf_counter() - start < 1
        check_line(error.value)


@pytest.mark.parametrize('bad', [True, -1, 'x', [1], float('nan'), float('inf'), 10**400])
def test_a_bound_is_a_number(bad: Any) -> None:
    with pytest.raises(UserError):
        Budget(macs=(None, bad))


@pytest.mark.parametrize(
    'text', ['seg:' + '9' * 5000, 'seg:٣', 'seg:²', 'seg:1e3', 'cls:', 'bottomup:17:0', 'x' * 10**6]
)
def test_a_head_in_words(text: str) -> None:
    with raises(ArchError, where='head', got=text):
        parse_head(text)


@pytest.mark.parametrize(
    'name', ['a' * 300, 'a' * 300 + '.yaml', 'x\0', 'x\0.yaml', '../archs/x', '']
)
def test_a_name_of_no_arch(name: str) -> None:
    with raises(ArchError, names=(name[:20].strip('\0'),)):
        find(name)


def test_a_path_is_no_name() -> None:
    with pytest.raises(ArchError):
        named('../archs/efficientnet_b0')


def test_dump_writes_what_load_reads_back() -> None:
    for arch in NETS.values():
        assert load(dump(arch)) == arch
