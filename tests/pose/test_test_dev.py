"""The recipes of COCO's test-dev, whose labels only its server has: what is written for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scalenas.training.launch import build_runner

from .world import REPO, make_people, small_config

RECIPES = sorted(
    (REPO / 'configs/scalenas_pose/coco_bottomup').glob('higher_*multiscale*.py'),
    key=lambda path: path.stem,
)


@pytest.mark.parametrize('recipe', RECIPES, ids=lambda path: path.stem.split('_8xb')[0])
def test_people_at_three_scales_are_written_without_labels(recipe: Path, tmp_path: Path) -> None:
    root = make_people(tmp_path / 'data', num=2)
    content = json.loads((root / 'people.json').read_text())
    content.pop('annotations')
    (root / 'image_info.json').write_text(json.dumps(content))
    cfg = small_config(root, tmp_path / 'work', config=recipe)
    cfg.test_dataloader.dataset.ann_file = 'image_info.json'
    written = tmp_path / 'found' / 'test-dev'
    cfg.test_evaluator.update(ann_file=str(root / 'image_info.json'), outfile_prefix=str(written))
    # Untrained, it finds somebody only without thresholds.
    cfg.model.head.decoder.update(decode_keypoint_thr=-1e9, decode_topk=2)
    assert cfg.model.test_cfg == dict(flip_test=True, multiscale_test=True)
    assert build_runner(cfg, ('test_dataloader',)).test() == {}
    rows = json.loads(written.with_name('test-dev.keypoints.json').read_text())
    assert {row['image_id'] for row in rows} == {1, 2}
    for row in rows:
        assert set(row) == {'image_id', 'category_id', 'keypoints', 'score'}
        assert (row['category_id'], len(row['keypoints'])) == (1, 51)
