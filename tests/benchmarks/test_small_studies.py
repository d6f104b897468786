"""Studies of single claims: zero-gamma at the edge, scaled nets, a backbone from task to task."""

from __future__ import annotations

import csv
import importlib
import json
import statistics
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.evaluation import Accuracy
from PIL import Image
from scipy import stats

from scalenas.arch import dump
from scalenas.models import ScaleHRNet
from scalenas.space import HRSpace

ROOT = Path(__file__).parents[2]
OWN = ('zero_gamma', 'scaled_nets', 'transfer', 'digits_training', 'paired')
SHARED = ('searched_against_scaled', 'hr_scenes', 'scenes_training')


@pytest.fixture(scope='module')
def studies():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'benchmarks'))
        found = Namespace(**{name: importlib.import_module(name) for name in OWN})
        found.training = importlib.import_module('scenes_training')
        found.training.quiet()
        yield found
        for name in (*OWN, *SHARED):
            sys.modules.pop(name, None)


@pytest.fixture(scope='module')
def digits(studies, tmp_path_factory):
    """Forty images: the class is the brightness of a square in a corner."""
    root = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    for number in range(40):
        label = number % 10
        pixels = rng.integers(60, size=(28, 28), dtype=np.uint8)
        pixels[4:16, 4:16] = 25 * label
        pixels[0, 0] = 0
        folder = root / 'training' / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f'{number}.png')
    return studies.digits_training.Digits.read(root, 'training')


def rows(path: Path, header: Sequence[str], lines: Sequence[Sequence[object]]) -> Path:
    with path.open('w', newline='') as out:
        csv.writer(out).writerows([header, *lines])
    return path


def test_digits_are_read_with_their_labels_and_an_epoch_has_every_one(digits) -> None:
    assert digits.pixels.shape == (40, 3, 28, 28)
    for pixels, label in zip(digits.pixels, digits.labels, strict=True):
        assert int(pixels[0, 8, 8]) == 25 * int(label)
    labels = torch.cat([digits.batch(8, 3, iteration)[1] for iteration in range(5)])
    assert sorted(labels.tolist()) == sorted(digits.labels.tolist())
    x, y = digits.batch(8, 3, 7)
    again = digits.batch(8, 3, 7)
    assert torch.equal(x, again[0])
    assert torch.equal(y, again[1])
    assert x.shape == (8, 3, 28, 28)
    assert not torch.equal(y, digits.batch(8, 4, 7)[1])
    for crop, label in zip(x, y, strict=True):  # at most two pixels away
        assert int(crop[0, 8, 8]) == 25 * int(label)


def test_an_accuracy_is_that_of_mmpretrain(studies, digits) -> None:
    study = studies.scaled_nets
    model = studies.training.built(study.configured(study.nets(4)['base'].arch, 1), 0).eval()
    images = digits.prepared(model)
    samples = images.samples(images.labels)
    with torch.no_grad():
        found = model(images.pixels, samples, mode='predict')
    metric = Accuracy(topk=(1,))
    metric.process({}, [sample.to_dict() for sample in found])
    score = studies.digits_training.accuracy(model, images.pixels, images.labels, at_once=7)
    assert score == pytest.approx(metric.evaluate(40)['accuracy/top1'], abs=1e-4)


@pytest.mark.parametrize('first_bad', range(-5, 13))
def test_the_edge_is_known_to_a_factor_of_two(studies, first_bad: int) -> None:
    study = studies.zero_gamma
    exploded: dict[int, bool] = {}
    while (power := study.next_power(exploded)) is not None:
        assert power not in exploded
        exploded[power] = power >= first_bad
    assert study.edge(exploded) == first_bad - 1
    assert len(exploded) <= 8


def test_without_an_explosion_there_is_no_edge(studies) -> None:
    study = studies.zero_gamma
    exploded = dict.fromkeys(study.LADDER, False)
    assert study.next_power(exploded) is None
    assert study.edge(exploded) == float('inf')


def test_a_training_at_the_rate_trains_and_far_above_it_explodes(studies, digits) -> None:
    study = studies.zero_gamma
    args = Namespace(iterations=2, batch=8)
    gammas = {}
    for arm in study.ARMS:
        cfg = study.configured(args, arm, 3, 5)
        assert cfg.optim_wrapper.optimizer.lr == pytest.approx(8 * 0.016)
        model = studies.training.built(cfg, 5)
        assert len(model.sampler.archs(0)) == 2
        norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        gammas[arm] = sum(int(not norm.weight.any()) for norm in norms)
    assert gammas['no zero-gamma'] == 0 < gammas['zero-gamma']
    found = study.train(study.configured(args, 'zero-gamma', 0, 5), 5, digits, digits)
    assert 0 < found['largest'] <= 100
    cfg = study.configured(args, 'no zero-gamma', 100, 5)
    cfg.param_scheduler = []
    assert study.train(cfg, 5, digits, digits) == {'exploded': 1, 'smallest': 0.0, 'largest': 0.0}


def test_edges_are_compared_over_the_seeds_that_both_arms_have(studies, tmp_path) -> None:
    study = studies.zero_gamma
    lines: list[tuple[object, ...]] = []
    for arm, seed, first_bad in (
        *(('zero-gamma', 0, 5), ('zero-gamma', 1, 7), ('zero-gamma', 2, 5)),
        *(('no zero-gamma', 0, 3), ('no zero-gamma', 1, 6)),
    ):
        exploded: dict[int, bool] = {}
        while (power := study.next_power(exploded)) is not None:
            exploded[power] = power >= first_bad
            lines.append((arm, seed, power, int(exploded[power]), 50.0, 60.0))
    header = ('arm', 'seed', 'power', 'exploded', 'smallest', 'largest')
    text, found = study.report(rows(tmp_path / 'runs.csv', header, lines))
    assert found['seeds'] == [0, 1]
    assert found['edges'] == {'zero-gamma': [4, 6], 'no zero-gamma': [2, 5]}
    assert found['mean'] == 1.5
    low, high = stats.t.interval(0.95, 1, 1.5, stats.sem([2, 1]))
    assert found['interval'] == pytest.approx([low, high])
    assert '| 4 | 50.0, 60.0 (2 seeds) | 50.0, 60.0 (2 seeds) |' in text
    assert '| 16 | 50.0, 60.0 (2 seeds) | 50.0, 60.0 (1 seed, 1 explode) |' in text


def test_scaled_nets_stay_within_the_budget_and_grow_along_their_axes(studies) -> None:
    nets = studies.scaled_nets.nets(4)
    base = nets['base']
    for name, net in nets.items():
        if name == 'base':
            continue
        assert 3.5 * base.cost['macs'] < net.cost['macs'] <= 4 * base.cost['macs']
        deeper = net.arch.num_blocks > base.arch.num_blocks
        wider = net.arch.stem > base.arch.stem
        larger = net.arch.resolution > base.arch.resolution
        expected = {
            'width': (False, True, False),
            'depth': (True, False, False),
            'resolution': (False, False, True),
            'compound': (True, True, True),
        }
        if name in expected:
            assert (deeper, wider, larger) == expected[name]
    assert nets['fast'].cost['acts'] < 0.8 * nets['compound'].cost['acts']


def test_a_scaled_net_trains_and_is_timed(studies, digits, tmp_path, monkeypatch) -> None:
    study = studies.scaled_nets
    monkeypatch.setattr(study.Digits, 'read', classmethod(lambda cls, root, split: digits))
    monkeypatch.setattr(study, 'STRATEGIES', ('compound',))
    configured = study.configured

    def small(arch, iterations):
        cfg = configured(arch, iterations)
        cfg.train_dataloader.batch_size = 8
        cfg.param_scheduler = []
        return cfg

    monkeypatch.setattr(study, 'configured', small)
    args = Namespace(factor=2.0, seeds=2, iterations=2, rounds=2, work=tmp_path)
    accuracies, seconds = study.train(args), study.clock(args)
    before = accuracies.read_text(), seconds.read_text()
    args.rounds = 3
    assert study.train(args).read_text() == before[0]
    assert study.clock(args).read_text().startswith(before[1])
    text, found = study.report(study.nets(2.0), accuracies, seconds, 2)
    assert [row['net'] for row in found['nets']] == ['base', 'compound']
    assert found['nets'][1]['step'] == {'median': 1.0, 'q25': 1.0, 'q75': 1.0, 'n': 3}
    assert found['nets'][1]['difference'] == 0
    assert found['nets'][0]['step']['median'] > 0
    assert text.count('\n') == 3


def test_differences_of_scaled_nets_are_paired_by_seed(studies, tmp_path, monkeypatch) -> None:
    study = studies.scaled_nets
    monkeypatch.setattr(study, 'STRATEGIES', ('compound', 'fast'))
    scores = {'base': (50, 52, 54), 'compound': (60, 63, 66), 'fast': (61, 65, 66)}
    lines = [(net, seed, score) for net, own in scores.items() for seed, score in enumerate(own)]
    accuracies = rows(tmp_path / 'a.csv', ('net', 'seed', 'accuracy'), lines)
    seconds = rows(tmp_path / 's.csv', tuple(scores), [(1, 4, 2), (2, 4, 3), (3, 4, 4)])
    found = study.report(study.nets(4), accuracies, seconds, 3)[1]['nets'][2]
    assert found['net'] == 'fast'
    assert found['difference'] == 1
    assert found['interval'] == pytest.approx(stats.t.interval(0.95, 2, 1, stats.sem([1, 2, 0])))
    assert found['step']['median'] == 0.75


@pytest.mark.parametrize('name', ['scaled_nets', 'transfer'])
def test_the_warm_up_is_the_configs(studies, name: str) -> None:
    study = getattr(studies, name)
    assert Config.fromfile(study.CONFIG).param_scheduler[0].end == study.WARM_UP


@pytest.fixture(scope='module')
def exported(tmp_path_factory) -> Path:
    """As tools/export.py writes a net for segmentation: four maps, NAME.pth and NAME.yaml."""
    space = HRSpace(width=8, num_modules=(1, 1, 1), depth=(1,), stem=8, stage1_channels=8)
    arch = space.largest()
    torch.manual_seed(3)
    state = {f'backbone.{key}': value for key, value in ScaleHRNet(arch).state_dict().items()}
    folder = tmp_path_factory.mktemp('exported')
    torch.save({'state_dict': state, 'meta': {}}, folder / 'net.pth')
    (folder / 'net.yaml').write_text(dump(arch))
    return folder / 'net.pth'


def test_both_starts_differ_in_the_weights_of_the_backbone_alone(
    studies, exported, tmp_path
) -> None:
    study = studies.transfer
    written = study.moved(exported, tmp_path, 7)
    with_it, without = (study.start_from(written, start, 1) for start in study.STARTS)
    assert without.model.backbone.init_cfg is None
    models = [studies.training.built(cfg, 1) for cfg in (with_it, without)]
    given = torch.load(exported, weights_only=True)['state_dict']
    for model, same in zip(models, (True, False), strict=True):
        own = model.state_dict()
        kernels = [key for key in own if key.startswith('backbone.') and own[key].dim() == 4]
        assert len(kernels) > 20
        assert all(torch.equal(own[key], given[key]) == same for key in kernels)
        assert model.head.final_layer.in_channels == 8
    for cfg in (with_it, without):
        assert cfg.train_cfg.max_iters == cfg.param_scheduler[-1].end == 7
        assert cfg.randomness.seed == 1
        cfg.model.backbone.pop('init_cfg')
        for name in ('work_dir', 'experiment_name', 'filename'):
            cfg._cfg_dict.pop(name, None)
    assert with_it.to_dict() == without.to_dict()
    source = Config.fromfile(study.CONFIG)
    assert with_it.optim_wrapper.optimizer == source.optim_wrapper.optimizer
    assert with_it.model.head.loss == source.model.architecture.head.loss


def test_the_interval_of_a_start_is_of_paired_seeds(studies, tmp_path) -> None:
    study = studies.transfer
    header = ('start', 'seed', *study.METRICS)
    exported, random = (30.0, 35.0, 40.0), (20.0, 20.0, 32.0)
    lines = [('exported', seed, ap, 80.0) for seed, ap in enumerate(exported)]
    lines += [('random', seed, ap, 70.0) for seed, ap in enumerate(random)]
    text, found = study.report(rows(tmp_path / 'scores.csv', header, lines), 3)
    mean, low, high = found['difference']['coco/AP']
    apart = [10, 15, 8]
    assert mean == statistics.mean(apart)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 2, mean, stats.sem(apart)))
    assert '| exported | 35.0 ± 5.0 | 80.0 ± 0.0 |' in text
    assert study.report(rows(tmp_path / 'one.csv', header, lines[:4]), 3)[1] == {}


@pytest.mark.parametrize(
    ('study', 'page'),
    [
        ('zero_gamma', 'bignas.md'),
        ('scaled_nets', 'scaling.md'),
        ('transfer', 'demos.md'),
        ('inner_widths', 'supernets.md'),
    ],
)
def test_the_tables_of_the_pages_are_what_the_studies_wrote(study: str, page: str) -> None:
    written = json.loads((ROOT / f'benchmarks/results/{study}.json').read_text())
    text = (ROOT / 'docs' / page).read_text()
    assert len(written['table']) > 3
    assert [line for line in written['table'] if line not in text] == []
