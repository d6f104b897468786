"""The demo: its commands are those of the tools, and its report says what the cards say."""

import json

import numpy as np
import pytest
from PIL import Image

from scalenas.arch import dump, named
from scalenas.demo import EarthDemo
from scalenas.visualization.demo_report import demo_table, draw_demo, draw_segmentation


@pytest.fixture
def demo(tmp_path):
    demo = EarthDemo(tmp_path / 'work', tmp_path / 'data', quick=True)
    (demo.work / 'supernet').mkdir(parents=True)
    (demo.work / 'supernet/iter_20.pth').write_bytes(b'weights')
    demo.random.mkdir(parents=True)
    front = [{'slot': slot} for slot in range(5)]
    (demo.found / 'front.json').write_text(json.dumps(front))
    return demo


def test_every_step_hands_on_what_a_later_one_needs(demo):
    steps = [*demo.train(), *demo.search(), *demo.export()]
    made = {path for step in steps for path in step.makes}
    for n, step in enumerate(steps):
        for path in step.needs:
            assert path.is_file() or path in made, (step.title, path)
        earlier = {path for before in steps[:n] for path in before.makes}
        later = made - earlier - set(step.makes)
        assert not later & set(step.needs), step.title


def test_every_tool_exists_and_nothing_runs_outside_the_package(demo):
    for step in [*demo.train(), *demo.search(), *demo.export()]:
        tool = step.command[1]
        assert tool.endswith('.py')
        assert (demo.work / tool).is_file(), tool  # absolute paths stay what they are
        assert '/tools/' in tool


def test_the_two_nets_come_from_the_end_and_the_middle_of_the_front(demo):
    exports = [step.command for step in demo.export() if 'export.py' in step.command[1]]
    assert [command[command.index('--index') + 1] for command in exports] == ['4', '2']


def card(name, macs, search, test, exported):
    return {
        'name': name,
        'cost': {'macs': macs, 'params': 2_500_000, 'acts': 1},
        'metrics': {
            'search': {'mIoU': search},
            'test': {'mIoU': test},
            'exported': {'mIoU': exported},
        },
    }


def test_table(demo):
    cards = [card('best', 123_000_000, 50.0, 48.12345, 48.12345)]
    line = demo_table(cards, [{'mIoU': 48.12}], 'mIoU').splitlines()[-1]
    assert line == '| best | 2.500 M | 123.0 M | 50.00 | 48.1234 | 48.1234 | 48.12 |'


def test_pictures(demo, tmp_path):
    for folder in (demo.found, demo.random):
        (folder / 'all.csv').write_text('slot,macs,mIoU\n0,100,40.0\n1,200,50.0\n')
    arch = tmp_path / 'best.yaml'
    arch.write_text(dump(named('scalenas_s1')))
    cards = [card('best', 200, 50.0, 48.0, 48.0), card('small', 100, 40.0, 39.0, 39.0)]
    draw_demo(tmp_path, demo.found, demo.random, cards, arch, 'mIoU')
    rng = np.random.default_rng(0)
    for n in range(13):
        for folder, shape in (
            ('data/images/validation', (8, 8, 3)),
            ('data/annotations/validation', (8, 8)),
            ('predicted', (8, 8)),
        ):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            values = rng.integers(0, 2, shape, dtype=np.uint8)
            Image.fromarray(values).save(tmp_path / folder / f'{n:05d}.png')
    palette = [[0, 0, 0], [255, 255, 255]]
    draw_segmentation(tmp_path, tmp_path / 'data', tmp_path / 'predicted', ['a', 'b'], palette)
    for name in ('front.png', 'net.png', 'predictions.png'):
        width, height = Image.open(tmp_path / name).size
        assert min(width, height) > 100, name


def test_another_supernet_is_searched_anew(demo):
    before = demo.found
    (demo.work / 'supernet/iter_20.pth').write_bytes(b'other weights')
    assert demo.found != before
