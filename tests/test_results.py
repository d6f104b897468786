"""Numbers in README and docs are those that a run wrote down."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
POSE = ROOT / 'docs/demo/pose/table.md'
SINGLE_STAGE = ROOT / 'docs/bignas'


SEARCHES = [path for path in (ROOT / 'docs/demo/table.md', POSE) if path.exists()]


def test_the_tables_of_the_pages_are_the_written_ones():
    tables = {
        ROOT / 'docs/demo/table.md': 'README.md',
        ROOT / 'docs/demo/pose/table.md': 'docs/demos.md',
        ROOT / 'docs/demo/trees/table.md': 'docs/demos.md',
        **dict.fromkeys((ROOT / 'docs/demo').glob('scalenet/table*.md'), 'docs/scalenet.md'),
        ROOT / 'benchmarks/results/results.md': 'docs/performance.md',
        ROOT / 'docs/scaling/table.md': 'docs/scaling.md',
    }
    if SINGLE_STAGE.exists():
        tables[SINGLE_STAGE / 'table.md'] = 'docs/bignas.md'
    assert len(tables) >= 3
    for table, page in tables.items():
        text = table.read_text().strip()
        assert text.startswith('|'), table
        assert text in (ROOT / page).read_text(), table


def test_figure_2_is_what_was_timed():
    """The table and the lines of docs/scaling follow from its timings, network by network."""
    from scalenas.arch import named, rounding
    from scalenas.scaling import LatencyModel
    from scalenas.scaling.latency import KINDS
    from scalenas.scaling.measure import Journal, timings
    from scalenas.scaling.runtime import (
        FIGURE_2,
        base_at,
        latency_lines,
        networks,
        powers,
        runtime_table,
    )

    folder = ROOT / 'docs/scaling'
    setting = json.loads((folder / 'timings.jsonl').read_text().partition('\n')[0])
    bases = {name: base_at(named(name), side) for name, (side, _) in setting['sides'].items()}
    nets = networks(bases, list(FIGURE_2), powers(16), rounding(setting['rounding']))
    journal = Journal(folder / 'timings.jsonl', setting)
    found = {}
    for kind in KINDS:
        found[kind], without = timings(nets, kind, journal)
        assert not without
    assert runtime_table(found) == (folder / 'table.md').read_text().strip()
    about = {key: setting[key] for key in ('device', 'threads', 'batch', 'software')}
    model = LatencyModel(**about, lines={kind: latency_lines(found[kind]) for kind in KINDS})
    assert model.dump() == (folder / 'latency.yaml').read_text()


@pytest.mark.skipif(not SINGLE_STAGE.exists(), reason='the runs of demo bignas were not made')
def test_the_table_of_single_stage_models_follows_from_the_curves():
    """docs/bignas holds results.json, table.md and curves.png of one work_dirs/demo_bignas."""
    from projects.demo import SingleStageDemo
    from projects.demo.single_stage import ARMS, MACS, NETS
    from projects.demo.single_stage_report import single_stage_table

    demo = SingleStageDemo(ROOT, ROOT)
    results = json.loads((SINGLE_STAGE / 'results.json').read_text())
    assert single_stage_table(results) == (SINGLE_STAGE / 'table.md').read_text().strip()
    assert results['macs'] == MACS
    assert set(results['scores']) == {*ARMS, *(f'{net} alone' for net in NETS)}
    for seeds in results['scores'].values():
        assert [int(seed) for seed in seeds] == list(demo.seeds)
        for nets in seeds.values():
            assert all(list(curve)[-1] == str(demo.iters) for curve in nets.values())
    assert (SINGLE_STAGE / 'curves.png').is_file()


@pytest.mark.parametrize('table', SEARCHES, ids=lambda path: path.parent.name)
def test_what_was_exported_is_what_was_searched(table):
    rows = [line for line in table.read_text().splitlines()[2:] if line.startswith('|')]
    names = [row.strip('|').split('|')[0].strip() for row in rows]
    assert names in (['best', 'small'], ['best', 'small', 'uniform'])
    for row in rows:
        inside, exported, stock = [cell.strip() for cell in row.strip('|').split('|')][4:7]
        assert inside == exported
        assert abs(float(inside) - float(stock)) <= 0.005001  # mmseg prints two digits
