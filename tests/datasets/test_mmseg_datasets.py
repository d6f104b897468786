"""What the tools write, read by mmseg's own data sets and by ours, through the base configs."""

import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset, CityscapesDataset
from mmseg.registry import DATASETS

from projects.demo_data import earth, scenes
from projects.demo_data.demo import make_scenes
from projects.demo_data.layouts import CITIES, DemoDataError, inverse_root_weights, read_manifest
from projects.demo_data.scenes import SceneRecipe
from tests.errors import contains, raises
from tests.processes import run_tool

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / 'configs' / '_base_' / 'datasets'
RECIPE = SceneRecipe(size=(32, 64), radius=(4, 12), objects=(2, 4))
LOADERS = (
    *('train_dataloader', 'val_dataloader', 'test_dataloader'),
    *('search_dataloader', 'calibration_dataloader'),
)
LOAD = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}]


@pytest.fixture(scope='module', autouse=True)
def _scope() -> None:
    init_default_scope('mmseg')


@pytest.fixture(scope='module')
def ade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('data') / 'scenes'
    assert make_scenes(out, (20, 5, 6), 0, RECIPE)
    return out


@pytest.fixture(scope='module')
def cityscapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('data') / 'cityscapes'
    assert make_scenes(out, (30, 6, 6), 0, RECIPE, layout='cityscapes')
    return out


def test_the_ade_layout_is_read_by_mmseg_itself(ade: Path) -> None:
    data = BaseSegDataset(
        img_suffix='.png',
        data_root=str(ade),
        data_prefix={'img_path': 'images/search', 'seg_map_path': 'annotations/search'},
        metainfo={'classes': scenes.CLASSES},
        pipeline=LOAD,
    )
    assert len(data) == 5
    scene = scenes.make_scene(RECIPE, 0, 1_000_000 + 2)
    assert np.array_equal(data[2]['img'][..., ::-1], scene.image)
    assert np.array_equal(data[2]['gt_seg_map'], scene.label_map)


def test_the_cityscapes_layout_is_read_by_mmseg_itself(cityscapes: Path) -> None:
    for split, count in (('train', 36), ('val', 6)):
        data = CityscapesDataset(
            data_root=str(cityscapes),
            data_prefix={'img_path': f'leftImg8bit/{split}', 'seg_map_path': f'gtFine/{split}'},
            pipeline=LOAD,
        )
        assert len(data) == count
        assert data[0]['gt_seg_map'].shape == (32, 64)


def test_scenes_are_made_once_and_never_overwritten(ade: Path) -> None:
    assert make_scenes(ade, (20, 5, 6), 0, RECIPE) is False
    with raises(DemoDataError, where=ade, hint=contains('move it away')):
        make_scenes(ade, (20, 5, 6), 1, RECIPE)
    assert read_manifest(ade)['counts'] == {'training': 20, 'search': 5, 'validation': 6}


def test_an_unknown_layout_or_empty_split_is_refused(tmp_path: Path) -> None:
    with raises(DemoDataError, where='layout', got='voc', allowed=('ade', 'cityscapes')):
        make_scenes(tmp_path / 'x', layout='voc')
    with raises(DemoDataError, where='counts', got=(1, 0, 1)):
        make_scenes(tmp_path / 'x', (1, 0, 1))


def test_weights_fall_with_the_root_of_the_share() -> None:
    weights = inverse_root_weights(np.array([0.64, 0.0, 0.16, 0.04]))
    assert weights[1] == 0
    assert weights[2] / weights[0] == pytest.approx(2, abs=1e-3)
    assert weights[3] / weights[0] == pytest.approx(4, abs=1e-3)
    assert np.mean(weights) == pytest.approx(1, abs=1e-3)


def config(name: str, root: Path) -> Config:
    loaded = Config.fromfile(BASE / f'{name}.py')
    for loader in LOADERS:
        loaded[loader].dataset.data_root = str(root)
        loaded[loader].num_workers = 0
        loaded[loader].persistent_workers = False
    return loaded


@pytest.mark.parametrize('name', ['scenes_128x128', 'earth_96x96', 'cityscapes_512x1024'])
def test_base_configs_feed_every_loader(name: str, ade: Path, cityscapes: Path) -> None:
    loaded = config(name, cityscapes if 'cityscapes' in name else ade)
    seen = {}
    for key in LOADERS:
        loader = Runner.build_dataloader(loaded[key], seed=0)
        batch = next(iter(loader))
        assert len(batch['inputs']) == len(batch['data_samples']) > 0
        seen[key] = {
            loader.dataset.get_data_info(i)['img_path'] for i in range(len(loader.dataset))
        }
    assert not seen['train_dataloader'] & seen['search_dataloader']
    assert not seen['train_dataloader'] & seen['val_dataloader']
    assert not seen['search_dataloader'] & seen['val_dataloader']
    assert seen['calibration_dataloader'] <= seen['train_dataloader']
    assert seen['test_dataloader'] == seen['val_dataloader']
    assert loaded.val_evaluator == loaded.test_evaluator
    assert 'default_scope' not in loaded


def test_the_order_of_training_follows_the_seed(ade: Path) -> None:
    def order(seed: int) -> list[str]:
        loaded = config('scenes_128x128', ade)
        iterator = iter(Runner.build_dataloader(loaded.train_dataloader, seed=seed))
        return [s.img_path for _ in range(3) for s in next(iterator)['data_samples']]

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_the_cities_of_the_config_are_cityscapes_train() -> None:
    loaded = Config.fromfile(BASE / 'cityscapes_512x1024.py')
    assert tuple(loaded.train_cities) == CITIES['training']
    assert tuple(loaded.search_cities) == CITIES['search']
    assert len({*loaded.train_cities, *loaded.search_cities}) == 18


def test_calibration_pictures_are_spread_over_the_list(ade: Path) -> None:
    kwargs = {
        'data_root': str(ade),
        'data_prefix': {'img_path': 'images/training', 'seg_map_path': 'annotations/training'},
    }
    kwargs = {'type': 'scalenas.SpreadSegDataset', 'img_suffix': '.png', **kwargs}
    some = DATASETS.build({'spread': 4, **kwargs})
    names = [Path(some.get_data_info(i)['img_path']).stem for i in range(len(some))]
    assert names == ['00000', '00005', '00010', '00015']
    assert len(DATASETS.build({'spread': 99, **kwargs})) == 20
    with raises(where='SpreadSegDataset.spread', got=0):
        DATASETS.build({'spread': 0, **kwargs})


@pytest.mark.parametrize(
    ('name', 'folder', 'hint'),
    [
        ('scenes_128x128', 'images/training', 'get_demo_data.py scenes'),
        ('earth_96x96', 'images/training', 'get_demo_data.py earth'),
        ('cityscapes_512x1024', 'leftImg8bit/train/aachen', 'www.cityscapes-dataset.com'),
    ],
)
def test_a_missing_folder_is_named_with_the_way_to_get_it(
    name: str, folder: str, hint: str, tmp_path: Path
) -> None:
    with raises(where=tmp_path / 'nowhere' / folder, hint=contains(hint)):
        DATASETS.build(config(name, tmp_path / 'nowhere').train_dataloader.dataset)


def test_a_folder_without_an_image_is_named(ade: Path) -> None:
    dataset = config('scenes_128x128', ade).train_dataloader.dataset
    with raises(where=ade / 'images/training', hint='mine', names=('*.jpg',)):
        DATASETS.build({**dataset, 'img_suffix': '.jpg', 'hint': 'mine'})


@pytest.mark.parametrize(('name', 'data'), [('scenes_128x128', scenes), ('earth_96x96', earth)])
def test_the_configs_name_the_classes_of_the_data(name: str, data: ModuleType) -> None:
    loaded = config(name, Path('nowhere'))
    for loader in LOADERS:
        about = loaded[loader].dataset.metainfo
        assert tuple(about.classes) == data.CLASSES
        assert tuple(map(tuple, about.palette)) == data.PALETTE


def test_the_tool_says_what_it_made_and_fails_in_one_line(tmp_path: Path) -> None:
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        options = ('--out', tmp_path / 'x', '--counts', 2, 1, 1, *more)
        return run_tool('get_demo_data', 'scenes', *options)

    first = run()
    assert first.returncode == 0, first.stderr
    assert 'training 2, search 1, validation 1' in first.stdout
    assert run().stdout.startswith('complete')
    other = run('--seed', '5')
    assert other.returncode == 2
    assert other.stderr.count('\n') == 1
    assert 'move it away' in other.stderr
