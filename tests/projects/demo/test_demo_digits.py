"""The demos on digits: families of scaled networks, single-stage models, and nets trained alone."""

import json

import pytest

from projects.demo import SingleStageDemo, demo_of
from projects.demo.report import report
from projects.demo.scalenet import LONG, QUICK
from projects.demo.scalenet_report import spread_table
from scalenas.arch import dump
from scalenas.config import read_config
from scalenas.search import Comparison, rank_study
from scalenas.trained_alone import TrainedAlone
from tests.errors import contains, raises

from .demo_worlds import trained_digits


def test_the_long_form_has_three_seeds_of_all_samplings(tmp_path):
    demo = demo_of('scalenet', long=True)
    assert str(demo.work) == 'work_dirs/demo_scalenet_long'
    samplings = ('hierarchical', 'hierarchical-size', 'uniform')
    assert demo.runs() == [(s, n) for n in range(3) for s in samplings]
    assert demo_of('scalenet').runs() == [('hierarchical', 0), ('uniform', 0)]
    trained = [step.command for step in demo.train()[1:]]
    seeds = [word for command in trained for word in command if word.startswith('randomness')]
    assert seeds == [f'randomness.seed={n}' for n in (0, 0, 0, 1, 1, 1, 2, 2, 2)]
    ranked = [step.command for step in trained_digits(tmp_path, LONG).rank()]
    assert ['--archs' in command for command in ranked] == [False] + 8 * [True]
    for options in ({'name': 'pose', 'long': True}, {'name': 'scalenet', 'quick': True}):
        with raises(where='--long', got=options['name']):
            demo_of(**{'long': True, **options})


def test_all_samplings_have_the_same_networks():
    """Uniform: the factors of all stages in one; so every path of one is a path of the other."""
    from scalenas.space import from_dict

    demo = demo_of('scalenet')
    spaces = [
        from_dict(read_config(str(demo.config(name))).model.architecture.backbone.space.to_dict())
        for name in demo.SAMPLINGS.values()
    ]
    assert spaces == [spaces[0], spaces[0], spaces[0].merged()]
    assert len(spaces[0].stages) == demo.STAGES + 1


def test_eta_by_size_draws_few_base_networks():
    """1, 12 and 12 scalings: 1/25 of the paths is not scaled, where equal weights give 1/3."""
    from scalenas.sampling import from_dict as sampler_from_dict
    from scalenas.space import from_dict

    demo, found = demo_of('scalenet'), {}
    for name in ('hierarchical', 'hierarchical-size'):
        model = read_config(str(demo.config(demo.SAMPLINGS[name]))).model
        space = from_dict(model.architecture.backbone.space.to_dict())
        found[name] = sampler_from_dict(model.sampler.to_dict(), space).eta
    assert found['hierarchical-size'] == pytest.approx([1 / 25, 12 / 25, 12 / 25])
    assert found['hierarchical'] == pytest.approx([1 / 3] * 3)


def test_spread_over_seeds():
    x = [1.0, 2.0, 3.0, 4.0]
    rows = {
        f'{name}, seed {seed}': [Comparison('multiply-adds', x, y, rank_study(x, y, resamples=9))]
        for seed, y in enumerate(([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]))
        for name in ('hierarchical', 'uniform')
    }
    lines = spread_table(rows).splitlines()
    assert lines[2].startswith('| hierarchical | multiply-adds | 2 | 0.900 ± 0.141 | 0.900 ± 0.1')
    assert lines[3].endswith('| 0.833 ± 0.236 |')


def test_the_family_as_its_files_say(tmp_path, monkeypatch):
    """Costs and factors are of the arch files, scores of the cards and of the tests."""
    from scalenas.arch import ClassificationHead, Scaling
    from scalenas.arch.rounding import CEIL
    from scalenas.complexity import Counter
    from scalenas.scaling import SearchedScalings
    from scalenas.search import comparisons_text
    from scalenas.space import from_dict

    monkeypatch.setattr('projects.demo.scalenet_report.PATHS', 500)
    demo = trained_digits(tmp_path, QUICK)
    space = read_config(str(demo.search_config)).model.architecture.backbone.space.to_dict()
    base = from_dict(space).base.smallest()
    x, y = [1.0, 2.0, 3.0], [2.0, 1.0, 3.0]
    compared = [Comparison('multiply-adds', x, y, rank_study(x, y, resamples=9))]
    for run in demo.runs():
        demo.ranks(*run).mkdir()
        (demo.ranks(*run) / 'ranks.json').write_text(comparisons_text(compared))
    (demo.found / 'stages').mkdir(parents=True)
    (demo.work / 'exported').mkdir()
    searched = SearchedScalings({1: Scaling(1.2, 1.15, 1.1), 2: Scaling(1.4, 1.3, 1.3)}, CEIL)
    (demo.found / 'scalings.yaml').write_text(searched.dump())
    (demo.found / 'iterations.png').write_bytes(b'image')
    for j, path in enumerate(demo.family):
        path.write_text(dump(base.scaled(searched(j), CEIL)))
        metrics = {'test': {'accuracy/top1': 70 + j}, 'exported': {'accuracy/top1': 70 + j}}
        if j <= demo.STAGES:
            (demo.work / f'exported/s{j}.json').write_text(json.dumps({'metrics': metrics}))
        log = demo.found / f'alone/s{j}/test/20260101/20260101.json'
        log.parent.mkdir(parents=True)
        log.write_text(json.dumps({'accuracy/top1': 90 + j}))
    table, pictures = report(demo)
    *_, first, second, third, fourth = table.splitlines()
    cost = Counter(None, ClassificationHead(10))(base)
    shown = f'{cost["params"] / 1e3:.1f} k | {cost["macs"] / 1e6:.2f} M'
    assert first == f'| 0 | 1.00, 1.00, 1.00 | {shown} | 70.00 | 70.00 | 90.00 |'
    assert second.startswith('| 1 | 1.20, 1.15, 1.10 | ')
    assert third.endswith(' | 72.00 | 72.00 | 92.00 |')
    assert fourth.startswith('| 3 | 1.60, 1.45, 1.70 | ')
    assert fourth.endswith(' |  |  | 93.00 |')
    for name in pictures:
        assert (demo.work / name).is_file()


@pytest.mark.parametrize(
    ('options', 'where', 'got', 'allowed'),
    [
        (['max_iters'], 'options', 'max_iters', 'KEY=VALUE'),
        (['train_cfg.max_iters=many'], 'train_cfg.max_iters', 'many', 'a number'),
    ],
)
def test_options_of_a_training_alone_that_are_none(options, where, got, allowed):
    config = demo_of('scalenet').alone_config
    with raises(where=f'{where} of {config}', got=got, allowed=allowed):
        TrainedAlone.from_config(config, [], config.parent, *options)
    supernet = demo_of('scalenet').search_config
    with raises(where=supernet, allowed=contains('train_cfg.max_iters')):
        TrainedAlone.from_config(supernet, [], supernet.parent)


def test_trained_alone_again_after_a_change_of_a_base_config_or_of_the_data(tmp_path):
    base, config = tmp_path / 'base.py', tmp_path / 'alone.py'
    base.write_text('train_cfg = dict(max_iters=2)\nlr = 0.1\n')
    config.write_text("_base_ = 'base.py'\nmodel = dict(backbone=dict(arch='a.yaml'))\n")
    (tmp_path / 'data').mkdir()
    note = tmp_path / 'data/meta.json'
    note.write_text('{}')

    def fingerprints():
        root = f'train_dataloader.dataset.data_root={note.parent}'
        job = TrainedAlone.from_config(config, [tmp_path / 'a.yaml'], tmp_path / 'work', root)
        return [step.fingerprint() for step in job.steps()]

    first = fingerprints()
    assert fingerprints() == first
    base.write_text(base.read_text().replace('0.1', '0.2'))
    second = fingerprints()
    note.write_text('{"sha256": 1}')
    for before, between, after in zip(first, second, fingerprints(), strict=True):
        assert len({before, between, after}) == 3


def test_single_stage_runs_are_single_changes_of_one_config(tmp_path):
    """Every net alone is the slice that it is compared with, and every arm leaves one rule out."""
    from mmengine.config import DictAction

    from projects.demo.single_stage import ARMS, CONTROL, FULL_RATE, MACS, NETS
    from scalenas.arch import from_dict
    from scalenas.complexity import Counter
    from scalenas.space import from_dict as space_from_dict

    demo = SingleStageDemo(tmp_path / 'work', tmp_path / 'digits')
    cfg = read_config(str(demo.config))
    assert (cfg.train_cfg.max_iters, cfg.train_cfg.val_interval) == (demo.iters, demo.interval)
    assert cfg.optim_wrapper.optimizer.lr == FULL_RATE
    whole = space_from_dict(cfg.model.architecture.backbone.space.to_dict())
    sliced = {'smallest': whole.smallest(), 'largest': whole.largest()}
    sliced['middle'] = from_dict(cfg.val_cfg.archs[1].to_dict(), 'middle')
    for net, options in NETS.items():
        alone = read_config(str(demo.config_alone))
        pairs = (option.split('=', 1) for option in options)
        alone.merge_from_dict({k: DictAction._parse_iterable(v) for k, v in pairs})
        space = space_from_dict(alone.model.architecture.backbone.space.to_dict())
        assert space.smallest() == space.largest() == sliced[net]
        assert Counter(None)(sliced[net])['macs'] == MACS[net]
        assert alone.model.distillation is None
        assert alone.model.sampler.type == 'fixed'
        for same in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'train_dataloader'):
            assert alone[same] == cfg[same], same
    assert len(demo.train()) == len(demo.seeds) * (len(ARMS) + len(NETS)) == 30
    assert len({run.folder for run in demo.runs}) == 30
    assert {run.kind for run in demo.runs[-3:]} == {CONTROL}


def test_single_stage_results_come_from_the_logs(tmp_path):
    demo = SingleStageDemo(tmp_path, tmp_path / 'digits', quick=True)
    for n, run in enumerate(demo.runs):
        path = demo.folder(run) / '20260101_000000/vis_data/scalars.json'
        path.parent.mkdir(parents=True)
        nets = ('largest',) if run.alone else ('smallest', 'net2', 'largest')
        rows = [{'step': s, **{f'{net}/accuracy/top1': n + s for net in nets}} for s in (4, 8)]
        path.write_text('\n'.join(json.dumps(row) for row in rows))
    table, pictures = report(demo)
    assert [line.count('|') for line in table.splitlines()] == [5] * 10
    assert '| all rules | 12.5 ± 6.4 | 12.5 ± 6.4 | 12.5 ± 6.4 |' in table
    assert '| each net alone | 18.5 ± 6.4 | 19.5 ± 6.4 | 20.5 ± 6.4 |' in table
    for name in (*pictures, 'results.json'):
        assert (tmp_path / name).is_file()
