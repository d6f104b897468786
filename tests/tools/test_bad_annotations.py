"""Each tool that reads annotations ends in one line on a bad file, and starts nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..configs.demo_objects import make_demo_people
from .test_bad_input import ROOT, run

CONFIGS = ROOT / 'configs/scalenas_pose/people'
TEACHER = str(CONFIGS / 'teacher_w16_1xb16-400_people-128x96.py')
SEARCH = str(CONFIGS / 'search_w16_people-128x96.py')


def spoil(path: Path) -> None:
    """The file of boxes that somebody gives for keypoints."""
    content = json.loads(path.read_text())
    for row in content['annotations']:
        row.pop('keypoints')
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ('tool', 'split', 'loader'),
    [
        ('train', 'train', 'train'),
        ('train', 'test', 'val'),
        ('train', 'calibration', 'calibration'),
        ('test', 'test', 'test'),
        ('search', 'search', 'search'),
        ('search', 'train', 'calibration'),
        ('export', 'test', 'test'),
    ],
)
def test_one_line_and_nothing_written(
    tool: str,
    split: str,
    loader: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / 'people'
    make_demo_people(data)
    path = data / f'annotations/person_keypoints_{split}.json'
    if split == 'calibration':
        path.write_bytes((data / 'annotations/person_keypoints_train.json').read_bytes())
    spoil(path)
    weights, out = tmp_path / 'weights.pth', tmp_path / 'out'
    weights.write_bytes(b'never read')
    arguments = {
        'train': [TEACHER, '--work-dir', str(out)],
        'test': [TEACHER, str(weights), '--work-dir', str(out)],
        'search': [SEARCH, str(weights), '--work-dir', str(out)],
        'export': ['hrnet_w32', str(weights), '--config', SEARCH, '--out', str(out)],
    }[tool]
    options = [
        f'{name}_dataloader.dataset.data_root={data}'
        for name in ('train', 'val', 'test', 'search', 'calibration')
        if tool in ('search', 'export') or name != 'search'
    ]
    if split == 'calibration':
        options.append(f'calibration_dataloader.dataset.ann_file=annotations/{path.name}')
    for name, file in (('val', 'test'), ('test', 'test'), ('search', 'search')):
        options.append(
            f'{name}_evaluator.0.ann_file={data}/annotations/person_keypoints_{file}.json'
        )
    code = run(monkeypatch, tool, [*arguments, '--cfg-options', *options])
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert code == 2
    assert error.startswith(f'error: {loader}_dataloader: {data}/annotations/')
    assert "no annotation has 'keypoints'" in error
    assert not out.exists() or not any(out.iterdir())


@pytest.mark.parametrize(
    ('spoiled', 'words'),
    [
        ({'images': []}, "its list 'images' is empty"),
        ({'categories': [{'id': 7, 'name': 'person'}]}, 'expected 7 person, got 1'),
    ],
)
def test_other_files_of_somebody_elses(
    spoiled: dict[str, list[object]],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = tmp_path / 'people', tmp_path / 'out'
    make_demo_people(data)
    path = data / 'annotations/person_keypoints_train.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **spoiled}))
    option = f'train_dataloader.dataset.data_root={data}'
    arguments = [TEACHER, '--work-dir', str(out), '--no-validate', '--cfg-options', option]
    assert run(monkeypatch, 'train', arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f'error: train_dataloader: {path}')
    assert words in error
    assert not out.exists() or not any(out.iterdir())


def test_a_truth_of_other_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file is good, and the second is not that of the images: seen before the first step."""
    data, out = tmp_path / 'people', tmp_path / 'out'
    make_demo_people(data)
    read = ('train', 'val', 'calibration')
    options = [f'{name}_dataloader.dataset.data_root={data}' for name in read]
    options += [f'{name}_dataloader.num_workers=0' for name in ('train', 'val')]
    options += [f'{name}_dataloader.persistent_workers=False' for name in ('train', 'val')]
    truth = data / 'annotations/person_keypoints_train.json'
    options += ['calibration_dataloader.dataset.indices=2']
    options += [f'val_evaluator.0.ann_file={truth}', 'train_cfg.max_iters=1']
    arguments = [TEACHER, '--work-dir', str(out), '--cfg-options', *options]
    assert run(monkeypatch, 'train', arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('error: val_evaluator: ')
    assert not list(out.rglob('*.pth'))
