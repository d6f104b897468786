"""Files that datasets and metrics name are asked for before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from scalenas.errors import DataError
from scalenas.tasks import check_data
from tests.errors import contains, raises


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    """A split of people, all of whose files are there."""
    for name in ('people.json', 'boxes.json', 'heads.mat'):
        (tmp_path / name).write_text('')
    dataset = dict(
        type='CocoDataset',
        data_root=str(tmp_path),
        ann_file='people.json',
        bbox_file=str(tmp_path / 'boxes.json'),
        headbox_file=str(tmp_path / 'heads.mat'),
    )
    return Config(
        dict(
            search_dataloader=dict(dataset=dataset),
            search_evaluator=[dict(type='CocoMetric', ann_file=str(tmp_path / 'people.json'))],
            prepare_data='python make.py',
        )
    )


@pytest.mark.parametrize(
    ('part', 'key', 'where'),
    [
        ('dataset', 'ann_file', 'search_dataloader'),
        ('dataset', 'bbox_file', 'search_dataloader'),
        ('dataset', 'headbox_file', 'search_dataloader'),
        ('metric', 'ann_file', 'search_evaluator'),
    ],
)
def test_a_missing_file_is_named(cfg: Config, part: str, key: str, where: str) -> None:
    parts = {'dataset': cfg.search_dataloader.dataset, 'metric': cfg.search_evaluator[0]}
    check_data(cfg, ('search_dataloader',))
    parts[part][key] = '/nowhere/gone.json'
    with raises(DataError, where=f'{where}: /nowhere', hint='make it with: python make.py'):
        check_data(cfg, ('search_dataloader',))
    parts[part][key] = None
    check_data(cfg, ('search_dataloader',))


def test_a_search_without_an_evaluator_is_scored_by_its_own_annotations(cfg: Config) -> None:
    """Those of the validation may give its images' numbers to others."""
    cfg.val_evaluator = cfg.search_evaluator
    del cfg._cfg_dict['search_evaluator']
    check_data(cfg, ('search_dataloader',))
    there = Path(cfg.search_dataloader.dataset.data_root, 'val.json')
    cfg.val_evaluator[0].ann_file = str(there)
    with raises(DataError, where='search_evaluator', got=str(there), allowed=contains('ann_file')):
        check_data(cfg, ('search_dataloader',))
    check_data(cfg, ('test_dataloader',))
