"""Scores of single-stage models: read from logs, averaged, drawn."""

import json

from PIL import Image

from projects.demo.single_stage_report import (
    draw_curves,
    read_curves,
    single_stage_table,
)
from scalenas.visualization import DrawError
from tests.errors import contains, raises


def log(folder, when, *rows):
    path = folder / when / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(json.dumps(row) for row in rows))


def val(step, small, big):
    return {'smallest/accuracy/top1': small, 'largest/accuracy/top1': big, 'step': step}


def test_a_resumed_run_is_one_curve(tmp_path):
    log(tmp_path, '20260101_000000', {'loss': 1.0, 'step': 50}, val(50, 1.0, 2.0), val(100, 0, 0))
    log(tmp_path, '20260102_000000', val(100, 3.0, 4.0), val(150, 9.0, 9.0))
    found = read_curves(tmp_path, 'accuracy/top1', (50, 100))
    assert found == {'smallest': {'50': 1.0, '100': 3.0}, 'largest': {'50': 2.0, '100': 4.0}}
    for steps in ((50, 200), (7,)):
        allowed = tuple(map(str, steps))
        with raises(DrawError, where=tmp_path, allowed=allowed, problem=contains('missing')):
            read_curves(tmp_path, 'accuracy/top1', steps)


def seeds(net, *ends):
    return {str(n): {net: {'50': 0.0, '100': end}} for n, end in enumerate(ends)}


RESULTS = {
    'macs': {'smallest': 140_000},
    'alone': {'smallest': 'smallest alone'},
    'scores': {
        'all rules': seeds('smallest', 90.0, 91.0, 92.0),
        'no rule': seeds('smallest', 10.0, 10.0, 10.0),
        'smallest alone': seeds('smallest', 80.0, 81.0, 85.0),
    },
}


def test_table():
    assert single_stage_table(RESULTS).splitlines() == [
        '| trained | smallest (0.14 M) |',
        '|---|---|',
        '| all rules | 91.0 ± 1.0 |',
        '| each net alone | 82.0 ± 2.6 |',
        '| no rule | 10.0 ± 0.0 |',
    ]


def test_curves(tmp_path):
    panels = {'rule': ('all rules', 'no rule')}
    draw_curves(tmp_path / 'curves.png', RESULTS['scores'], panels, ('smallest',))
    assert min(Image.open(tmp_path / 'curves.png').size) > 100
    with raises(DrawError, where=tmp_path / 'none.png', allowed='curves'):
        draw_curves(tmp_path / 'none.png', {}, {}, ('smallest',))
