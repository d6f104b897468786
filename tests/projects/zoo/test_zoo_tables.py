"""Published numbers: each exact one is counted here to its last digit, and the page says so."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from projects.zoo.published import Number, read_tables
from projects.zoo.zoo_page import PAGE, zoo_page
from scalenas.arch import ArchError, list_archs
from tests.configs.shrink import dicts
from tests.errors import contains, raises
from tests.processes import run_tool

ROOT = Path(__file__).resolve().parents[3]
TITLES, TABLES = read_tables()
NUMBERS = [number for table in TABLES for number in table.numbers]


def ids(number: Number) -> str:
    return f'{number.subject}-{number.setting}-{number.quantity}'.replace(' ', '_')


@pytest.mark.parametrize('number', [n for n in NUMBERS if n.status == 'exact'], ids=ids)
def test_exact_means_the_last_printed_digit(number: Number) -> None:
    assert number.here == number.paper


@pytest.mark.parametrize('number', [n for n in NUMBERS if n.status == 'near'], ids=ids)
def test_near_means_different_for_a_reason(number: Number) -> None:
    assert number.here != number.paper
    assert number.reason


def test_what_is_only_reported_is_not_passed_off_as_ours() -> None:
    reported = [number for number in NUMBERS if number.status == 'reported']
    assert reported
    assert not any(number.here for number in reported)


def test_every_published_net_has_its_numbers() -> None:
    """All nets of the tables; S3 was released, but stands in none of them."""
    published = {f'scalenas_{n}' for n in ('s1', 's2', 's4', 'p1', 'p2', 'p3', 'p4')}
    exact = {n.subject for n in NUMBERS if n.status == 'exact'}
    assert published <= exact
    assert {n.subject for n in NUMBERS if n.subject in list_archs()} >= published
    assert all(number.quantity in TITLES for number in NUMBERS)
    keys = [
        (table.title, n.subject, n.setting, n.quantity) for table in TABLES for n in table.numbers
    ]
    assert len(set(keys)) == len(keys)


ROWS = {
    'Unscaled networks': (
        *(f'efficientnet_b{n}' for n in range(6)),
        *('regnety_500mf', 'regnetz_500mf', 'regnety_4.0gf', 'regnety_4gf', 'regnetz_4gf_224'),
        *('regnetz_4gf', 'resnet50', 'resnext50'),
    ),
    'Networks scaled by fast': (
        *('efficientnet_b0', 'regnety_500mf', 'regnety_4gf', 'regnetz_500mf', 'regnetz_4gf'),
    ),
    'ScaleNet, and': (*(f'scalenet_s{n}' for n in range(6)), 'efficientnet_b0'),
    'BigNAS': ('bignas_s', 'bignas_m', 'bignas_660m', 'bignas_l'),
    'RegNetX and RegNetY': (*(n for n in list_archs() if n[:7] in ('regnetx', 'regnety')),),
    'EfficientNet as first': (*(f'efficientnet_b{n}' for n in range(8)),),
    'EfficientNet-Lite': (*(f'efficientnet_lite{n}' for n in range(5)),),
}


@pytest.mark.parametrize('title', ROWS)
def test_every_row_of_the_families_is_there(title: str) -> None:
    (table,) = (table for table in TABLES if table.title.startswith(title))
    assert {number.subject for number in table.numbers} == set(ROWS[title])
    for subject in ROWS[title]:
        costs = {n.quantity for n in table.numbers if n.subject == subject}
        assert {'params_m', 'gmac'} <= costs, subject


def test_what_must_be_exact_is() -> None:
    """B0 to B5 and the unscaled RegNets, all of pycls, and weights of ScaleNets but S4's."""

    def exact(title: str, subject: str, setting: str = '') -> set[str]:
        (table,) = (table for table in TABLES if table.title.startswith(title))
        return {
            n.quantity
            for n in table.numbers
            if (n.subject, n.status) == (subject, 'exact') and setting in n.setting
        }

    for name in (*(f'efficientnet_b{n}' for n in range(6)), 'regnety_4.0gf', 'regnetz_500mf'):
        assert {'params_m', 'gmac', 'acts_m'} <= exact('Unscaled', name)
    for name in ROWS['RegNetX and RegNetY']:
        assert {'params_m', 'gmac', 'acts_m'} <= exact('RegNetX', name)
    for name in ROWS['EfficientNet-Lite']:
        assert exact('EfficientNet-Lite', name) == {'params_m'}
    for n in (0, 1, 2, 3, 5):
        assert 'params_m' in exact('ScaleNet, and', f'scalenet_s{n}')
    for n in range(1, 6):
        assert 'params_m' in exact('ScaleNet, and', 'efficientnet_b0', f'S{n}')


def test_scaled_networks_come_within_a_tenth() -> None:
    (table,) = (table for table in TABLES if table.title.startswith('Networks scaled by fast'))
    counted = [n for n in table.numbers if n.here]
    assert len(counted) == 15
    for number in counted:
        assert float(number.here) == pytest.approx(float(number.paper), rel=0.1), number


@pytest.fixture(scope='module')
def page() -> str:
    """What the generator writes."""
    return zoo_page()


def test_the_page_is_what_the_generator_writes(page: str) -> None:
    assert (ROOT / PAGE).read_text(encoding='utf-8') == page


def test_recipes_are_of_the_net_they_stand_beside(page: str) -> None:
    found = {(n.subject, n.config) for n in NUMBERS if n.config}
    assert len(found) >= 10
    for net, config in found:
        model = Config.fromfile(ROOT / config).model
        assert [part['arch'] for part in dicts(model) if 'arch' in part] == [net], config
        assert f'[{net}](../{config})' in page


def test_the_page_links_every_arch(page: str) -> None:
    for name in list_archs():
        assert f'[{name}](archs/{name}.yaml)' in page
        assert (ROOT / 'model_zoo' / 'archs' / f'{name}.yaml').exists()


def test_check_says_when_the_page_is_old(tmp_path: Path, page: str) -> None:
    for folder in ('tools', 'model_zoo'):
        (tmp_path / folder).mkdir()
    tool = tmp_path / 'tools' / 'zoo_tables.py'
    tool.write_bytes((ROOT / 'tools' / 'zoo_tables.py').read_bytes())

    def run(*args: str) -> subprocess.CompletedProcess:
        return run_tool(tool, *args)

    missing = run('--check')
    assert missing.returncode == 2
    (line,) = missing.stderr.splitlines()
    assert line.startswith('error: model_zoo/README.md: ')
    assert 'tools/zoo_tables.py' in line
    assert not (tmp_path / PAGE).exists()
    assert run().returncode == 0
    assert (tmp_path / PAGE).read_text(encoding='utf-8') == page
    assert run('--check').returncode == 0


FILE = """\
quantities: {{params_m: params (M), miou: mIoU}}
tables:
- title: A
  source: B
  head: seg:19
  numbers:
  - {{{row}}}
"""
REASON = contains('beside a reason')
ROW = "net: hrnet_w18, size: [64, 64], quantity: params_m, paper: '9.6', status: exact"


@pytest.mark.parametrize(
    ('old', 'new', 'where', 'fields'),
    [
        ("'9.6'", '9.6', '.paper', {'got': 9.6, 'allowed': contains('in quotes')}),
        ('status: exact', 'status: exakt', '.status', {'got': 'exakt', 'hint': contains('exact')}),
        ('status: exact', 'status: near', '.status', {'got': 'near', 'allowed': REASON}),
        (
            'status: exact',
            'status: exact, reason: x',
            '.status',
            {'got': 'exact', 'allowed': REASON},
        ),
        (
            'quantity: params_m',
            'quantity: params',
            '.quantity',
            {'got': 'params', 'hint': contains('params_m')},
        ),
        (
            'quantity: params_m',
            'quantity: miou',
            '.quantity',
            {'got': 'miou', 'allowed': contains('params_m')},
        ),
        ('net: hrnet_w18, ', '', '', {'allowed': contains("'net' or 'space'")}),
        ('hrnet_w18', 'hrnet_w19', None, {'got': 'hrnet_w19', 'hint': contains('hrnet_w')}),
        ('size: [64, 64], ', '', '', {'problem': "key 'size' is missing"}),
        ('size', 'sizes', '', {'got': 'sizes', 'hint': "did you mean 'size'?"}),
        (
            'exact',
            'exact, config: configs/no.py',
            '.config',
            {'got': 'configs/no.py', 'problem': 'no such file'},
        ),
    ],
)
def test_a_wrong_row_dies_with_one_line(
    old: str, new: str, where: str | None, fields: dict[str, Any]
) -> None:
    assert read_tables(FILE.format(row=ROW))[1][0].numbers[0].here
    assert old in ROW
    place = {} if where is None else {'where': lambda w: w.endswith(f'numbers[0]{where}')}
    with raises(ArchError, **fields, **place):
        read_tables(FILE.format(row=ROW.replace(old, new)))
