"""Any shipped config made small: a narrow net, two steps, tiny pictures, one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

from scalenas.arch import HRStage, Scaling, find, from_dict
from scalenas.arch.rounding import NEAREST
from scalenas.datasets import earth
from scalenas.datasets.demo import make_scenes
from scalenas.datasets.scenes import SceneRecipe

from .demo_objects import make_demo_people, make_demo_trees
from .objects import make_boxes
from .people import make_coco_people, make_mpii_people

WIDTH, SIZE = 8, 64
CHANNELS = [WIDTH * 2**i for i in range(4)]
SPACE = dict(
    width=WIDTH, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8
)


def dicts(value: Any) -> Iterator[dict[str, Any]]:
    """Every dict in a config, parents first."""
    if isinstance(value, dict):
        yield value
        for child in list(value.values()):
            yield from dicts(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from dicts(child)


def narrow(name: str) -> dict[str, Any]:
    """A zoo arch with its blocks and fusions, but only a few channels."""
    arch = find(name)
    stages = tuple(HRStage(tuple(CHANNELS[: j + 2]), s.modules) for j, s in enumerate(arch.stages))
    return arch.with_(stages=stages, stem=16, stage1_blocks=1, stage1_channels=8).to_dict()


class Worlds:
    """Writes pictures, once per dataset class, in the layout that it reads."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, kind: str, scope: str = 'mmseg', root: str = '') -> str:
        """The `data_root` for a dataset type, in place of the config's."""
        layout = key_of(kind, scope, root)
        folder = self.root / f'{layout.replace(" ", "_")}_{kind}'
        if not folder.exists():
            if layout in MAKERS:
                MAKERS[layout](folder)
            else:
                recipe = SceneRecipe(size=(SIZE, SIZE), radius=(3.0, 24.0))
                make_scenes(folder, (15, 3, 3), recipe=recipe, layout=layout)
            if kind == 'scalenas.EarthDataset':
                for path in folder.glob('annotations/*/*.png'):
                    labels = np.asarray(Image.open(path)) % len(earth.CLASSES)
                    Image.fromarray(labels.astype(np.uint8)).save(path)
        return f'{folder}/'


def make_classes(folder: Path) -> None:
    """A folder per class of ImageNet and split; the first five have two pictures each."""
    for split in ('train', 'val'):
        for label in range(1000):
            place = folder / split / f'n{label:08}'
            place.mkdir(parents=True)
            for number in range(2 if label < 5 else 0):
                pixels = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
                Image.fromarray(pixels).save(place / f'{number}.png')


def key_of(kind: str, scope: str, root: str) -> str:
    """The layout that a dataset type reads; of COCO's, also the task and the place count.

    Raises:
        KeyError: for a dataset that this test has no pictures for; add it here.
    """
    if kind == 'CocoDataset':
        demo = Path(root).name
        return f'demo {demo}' if demo in ('people', 'trees') else f'{scope} coco'
    return {
        'scalenas.CityscapesCities': 'cityscapes',
        'scalenas.SceneDataset': 'ade',
        'scalenas.EarthDataset': 'ade',
        'ImageNet': 'classes',
        'MpiiDataset': 'mpii',
    }[kind]


MAKERS = {
    'classes': make_classes,
    'mpii': make_mpii_people,
    'mmpose coco': make_coco_people,
    'mmdet coco': make_boxes,
    'demo people': make_demo_people,
    'demo trees': make_demo_trees,
}


def shrink_detector(model: Any) -> None:
    """A detector with few channels that keeps every box, however unsure."""
    for part in dicts(model):
        kind = str(part.get('type', ''))
        if kind == 'HRFPN':
            part.update(in_channels=CHANNELS, out_channels=16)
        if kind == 'RPNHead':
            part.update(in_channels=16, feat_channels=16)
        if kind == 'SingleRoIExtractor':
            part['out_channels'] = 16
        if kind == 'Shared2FCBBoxHead':
            part.update(in_channels=16, fc_out_channels=32)
        if kind == 'FCNMaskHead':
            part.update(in_channels=16, conv_out_channels=16)
        if 'score_thr' in part:
            part['score_thr'] = 0.0


def shrink(cfg: Config, worlds: Worlds, work_dir: Path) -> Config:
    """The same config in small; every type and every option that is not a size stays."""
    heads = False
    roots: dict[str, str] = {}
    for part in dicts(cfg._cfg_dict):
        kind = str(part.get('type', ''))
        if kind in ('SyncBN', 'BN'):
            part['type'] = 'BN'
        if 'space' in part and kind.endswith('SuperScaleHRNet'):
            part['space'].update(SPACE)
        if kind.endswith('.ScaleHRNet') and isinstance(part.get('arch'), str):
            part['arch'] = narrow(part['arch'])
        if kind in ('scalenas.ScaleMBConvNet', 'scalenas.ScaleRegNet'):
            arch = find(part['arch']) if isinstance(part['arch'], str) else from_dict(part['arch'])
            part['arch'] = arch.scaled(Scaling(width=0.1, depth=0.1), NEAREST).to_dict()
        if kind == 'LinearClsHead':
            heads = True  # conv_out, which it sees, is not scaled
        if part.get('input_transform') == 'resize_concat':
            part.update(in_channels=CHANNELS, channels=sum(CHANNELS))
            heads = True
        if kind.endswith('PreProcessor') and part.get('size'):
            part['size'] = (SIZE, SIZE)
        if 'crop_size' in part:
            whole = isinstance(part['crop_size'], int)
            part['crop_size'] = SIZE if whole else (SIZE, SIZE)
        if (
            kind in ('Resize', 'RandomResize', 'RandomResizedCrop', 'ResizeEdge')
            and 'scale' in part
        ):
            whole = isinstance(part['scale'], int)
            part['scale'] = SIZE if whole else (SIZE, SIZE)
        if kind == 'HRFPN':
            heads = True
        if part.get('norm_eval'):
            part['norm_eval'] = False  # frozen norms need pre-trained weights
        if 'indices' in part:
            whole = isinstance(part['indices'], int)
            part['indices'] = (10 if part['indices'] > 0 else -3) if whole else [0, 1]
        if 'min_kept' in part:
            part['min_kept'] = 500
        if kind == 'HeatmapHead':
            part['in_channels'] = WIDTH
            heads = True
        if kind == 'MSRAHeatmap':
            part.update(input_size=(SIZE, SIZE), heatmap_size=(SIZE // 4, SIZE // 4))
        if kind == 'TopdownAffine':
            part['input_size'] = (SIZE, SIZE)
        if 'data_root' in part and 'type' in part:
            old = part['data_root']
            part['data_root'] = worlds.of(kind, cfg.default_scope, old)
            roots[old] = part['data_root']
        if 'num_workers' in part:
            part.update(num_workers=0, persistent_workers=False)
            part['batch_size'] = min(2, part['batch_size'])
        if part.get('spread') is not None:
            part['spread'] = 2
    for part in dicts(cfg._cfg_dict):
        for key in ('ann_file', 'headbox_file'):  # those that are not relative to a data_root
            for old, new in roots.items():
                if str(part.get(key)).startswith(old):
                    part[key] = part[key].replace(old, new)
    shrink_detector(cfg.model)
    assert heads, 'a head that this shrinker does not know'
    if 'search' in cfg:
        cfg.search.size = (SIZE, SIZE)
        cfg.search.algorithm.update(num_initial=2, num_parents=2, num_total=4)
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.env_cfg.cudnn_benchmark = False
    cfg.visualizer.name = str(work_dir)
    cfg.work_dir = str(work_dir)
    cfg.launcher = 'none'
    return cfg
