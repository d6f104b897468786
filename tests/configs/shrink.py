"""Any shipped config made small: a narrow net, two steps, tiny images, one process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

from projects.demo_data import digits, earth
from projects.demo_data.demo import make_scenes
from projects.demo_data.layouts import SPLITS
from projects.demo_data.scenes import SceneRecipe
from scalenas.arch import HRStage, Scaling, find, from_dict
from scalenas.arch.rounding import NEAREST
from scalenas.space import named as named_space

from .demo_objects import make_demo_people, make_demo_trees
from .finetuning import make_aircraft, make_cars, make_cifar10, make_cifar100, make_food
from .objects import make_boxes
from .people import make_coco_people, make_mpii_people

WIDTH, SIZE = 8, 64
CHANNELS = [WIDTH * 2**i for i in range(4)]
SPACE = dict(
    width=WIDTH, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8
)

NARROW = dict(
    resolution=[32, 48],
    stem=[8],
    conv_out=[16, 24],
    stages=[
        dict(width=[8, 12], depth=[1, 2], kernel=[3, 5], expand=[1]),
        dict(width=[12, 16], depth=[1, 2], kernel=[3, 5], expand=[2], stride=2),
    ],
)

# A base of two stages; conv_out stays, for the head sees it.
NARROW_BASE = dict(
    resolution=[32],
    stem=[8],
    stages=[
        dict(width=[8], depth=[1], kernel=[3, 5], expand=[1], se=[True], stride=2),
        dict(width=[12], depth=[1, 2], kernel=[3, 5], expand=[6], se=[True], stride=2),
    ],
)


def shrink_scaled(space: Any) -> None:
    """A scaled space of a narrow base, with the ends of each factor."""
    space['base'].update(NARROW_BASE)
    for stage in space['stages']:
        for name, values in list(stage.items()):
            stage[name] = sorted({values[0], values[-1]})


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
    """Writes images, once per dataset class, in the layout that it reads."""

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
                make_small_scenes(folder, layout)
        return f'{folder}/'


def make_small_scenes(folder: Path, layout: str = 'ade') -> None:
    """Procedural scenes of eight classes."""
    recipe = SceneRecipe(size=(SIZE, SIZE), radius=(3.0, 24.0))
    make_scenes(folder, (15, 3, 3), recipe=recipe, layout=layout)


def make_small_earth(folder: Path) -> None:
    """Scenes with the labels of satellite tiles."""
    make_small_scenes(folder)
    for path in folder.glob('annotations/*/*.png'):
        labels = np.asarray(Image.open(path)) % len(earth.CLASSES)
        Image.fromarray(labels.astype(np.uint8)).save(path)


def make_classes(
    folder: Path, splits: Sequence[str], classes: Sequence[str], side: int = SIZE
) -> None:
    """A folder per split and class, with two images of the first five classes.

    Of the others they are there to train on: a class without any is a mistake.
    """
    for split in splits:
        for label, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(2 if label < 5 else 0):
                pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
                Image.fromarray(pixels).save(place / f'{number}.png')
            for number in range(2 if label >= 5 and split.startswith('train') else 0):
                os.link(folder / split / classes[0] / f'{number}.png', place / f'{number}.png')


def make_imagenet(folder: Path) -> None:
    """All thousand classes."""
    make_classes(folder, ('train', 'val'), [f'n{label:08}' for label in range(1000)])


def make_digits(folder: Path) -> None:
    """All ten digits, in the three splits."""
    make_classes(folder, SPLITS, digits.CLASSES, digits.SIDE)


def list_classes(folder: Path, model: Any) -> str:
    """A file that names as many classes as the model has; written into the data."""
    heads = [part for part in dicts(model) if str(part.get('type')).endswith('LinearClsHead')]
    names = [f'n{label:08}' for label in range(heads[0]['num_classes'])]
    path = folder / 'classes.txt'
    path.write_text('\n'.join(names) + '\n')
    return str(path)


def key_of(kind: str, scope: str, root: str) -> str:
    """The layout that a dataset type reads; of COCO's, also the task and the place count.

    Raises:
        KeyError: for a dataset that this test has no images for; add it here.
    """
    if kind == 'CocoDataset':
        demo = Path(root).name
        return f'demo {demo}' if demo in ('people', 'trees') else f'{scope} coco'
    if kind == 'scalenas.SpreadSegDataset':
        return f'demo {Path(root).name}'
    return {
        'scalenas.CityscapesCities': 'cityscapes',
        'ImageNet': 'classes',
        'scalenas.SpreadImageNet': 'classes',
        'scalenas.ImageNetPart': 'classes',
        'FGVCAircraft': 'aircraft',
        'StanfordCars': 'cars',
        'Food101': 'food101',
        'CIFAR10': 'cifar10',
        'CIFAR100': 'cifar100',
        'scalenas.SpreadCustomDataset': 'digits',
        'MpiiDataset': 'mpii',
    }[kind]


MAKERS = {
    'classes': make_imagenet,
    'aircraft': make_aircraft,
    'cars': make_cars,
    'food101': make_food,
    'cifar10': make_cifar10,
    'cifar100': make_cifar100,
    'digits': make_digits,
    'mpii': make_mpii_people,
    'mmpose coco': make_coco_people,
    'mmdet coco': make_boxes,
    'demo earth': make_small_earth,
    'demo people': make_demo_people,
    'demo trees': make_demo_trees,
    'demo scenes64': make_small_scenes,
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
    # Weights that pip brings fit no network but their own.
    installed = any(
        'installed' in part or part.get('type') == 'scalenas.InstalledInit'
        for part in dicts(cfg._cfg_dict)
    )
    roots: dict[str, str] = {}
    for part in dicts(cfg._cfg_dict):
        kind = str(part.get('type', ''))
        if kind in ('SyncBN', 'BN'):
            part['type'] = 'BN'
        if isinstance(part.get('space'), str):
            part['space'] = named_space(part['space']).to_dict()
        if 'space' in part and kind.endswith('SuperScaleHRNet'):
            part['space'].update(SPACE)
            part['space'].pop('where', None)  # it names depths that the small space has not
            if 'inner_widths' in part['space']:
                part['space']['inner_widths'] = (0.5, 1)
        if 'space' in part and kind.endswith('SuperMBConvNet') and not installed:
            part['space'].update(NARROW)
        if isinstance(part.get('archs'), list | tuple):
            # Nets between the bounds, in full: the shrunk space has none of them.
            part['archs'] = [arch for arch in part['archs'] if isinstance(arch, str)]
        if kind == 'scalenas.ChoiceMBConvNet':
            shrink_scaled(part['space'])
        if kind.endswith('.ScaleHRNet') and isinstance(part.get('arch'), str):
            part['arch'] = narrow(part['arch'])
        if kind in ('scalenas.ScaleMBConvNet', 'scalenas.ScaleRegNet') and not installed:
            arch = find(part['arch']) if isinstance(part['arch'], str) else from_dict(part['arch'])
            small = arch.scaled(Scaling(width=0.1, depth=0.1), NEAREST)
            part['arch'] = small.with_(conv_out=arch.conv_out).to_dict()
        if kind == 'HRFuseScales':
            part['in_channels'] = tuple(CHANNELS)
        if kind == 'LinearClsHead':
            heads = True  # it sees conv_out
        if kind == 'scalenas.SuperLinearClsHead':
            if not installed:
                part['in_channels'] = max(NARROW['conv_out'])
            heads = True
        if part.get('input_transform') == 'resize_concat':
            channels = CHANNELS[: len(part['in_index'])]
            part.update(in_channels=channels, channels=sum(channels))
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
        if 'spread' in part:
            part['spread'] = min(part['spread'], 16)
        if kind == 'scalenas.ImageNetPart' and part.get('part') == 'held_out':
            part['indices'] = 10  # one of each of a thousand classes
        if 'min_kept' in part:
            part['min_kept'] = 500
        if kind == 'HeatmapHead':
            part['in_channels'] = WIDTH
            heads = True
        if kind == 'MSRAHeatmap':
            part.update(input_size=(SIZE, SIZE), heatmap_size=(SIZE // 4, SIZE // 4))
        if kind == 'scalenas.HigherHRNetHead':
            part.update(in_channels=WIDTH, channels=WIDTH - 1)
            heads = True
        if kind == 'scalenas.HigherAssociativeEmbedding':
            sizes = [(SIZE // 4, SIZE // 4), (SIZE // 2, SIZE // 2)]
            part.update(input_size=(SIZE, SIZE), heatmap_sizes=sizes)
        if kind in ('TopdownAffine', 'scalenas.BottomupRandomWarp', 'scalenas.PyramidResize'):
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
        if 'per_class' in part and 'type' in part:
            part['per_class'] = 1
        if part.get('class_list') and 'type' in part:
            part['class_list'] = list_classes(Path(part['data_root']), cfg.model)
        if part.get('type') == 'Pretrained' and not Path(part['checkpoint']).is_file():
            part['checkpoint'] = ''  # test_configs gives it one
    for part in dicts(cfg._cfg_dict):
        for key in ('ann_file', 'headbox_file'):  # those that are not relative to a data_root
            for old, new in roots.items():
                if str(part.get(key)).startswith(old):
                    part[key] = part[key].replace(old, new)
    shrink_detector(cfg.model)
    assert heads, 'a head that this shrinker does not know'
    if 'search' in cfg:
        if str((cfg.search.get('objectives') or ('',))[0][0]).endswith('mIoU'):
            cfg.search.classes = 'present'  # a few small images do not hold all classes
        if 'size' in cfg.search:
            cfg.search.size = (SIZE, SIZE)
        if cfg.search.algorithm.type == 'coarse_to_fine':
            # The smallest and the largest net; test_configs tests the grid itself in full.
            everything = [dict(genes=['*'], levels=2)]
            cfg.search.algorithm.update(grid=everything, budgets=[1e15], num_total=4)
        elif cfg.search.algorithm.type == 'random':
            cfg.search.algorithm.num_total = 4
        elif cfg.search.algorithm.type == 'mcea':
            cfg.search.algorithm.update(
                base_macs='auto',
                base_samples=100,
                base_step=10_000,
                tolerance=0.6,
                num_stages=1,  # where depths of 1 and 2 round up, budgets of more cannot be met
                num_bases=1,
                iterations=1,
                population=2,
                generations=1,
                num_total=4,
            )
        else:
            cfg.search.algorithm.update(num_initial=2, num_parents=2, num_total=4)
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    for hook in cfg.get('custom_hooks') or ():
        if hook.get('begin_iter'):
            hook.update(begin_iter=1, interval=1)
    cfg.env_cfg.cudnn_benchmark = False
    cfg.visualizer.name = str(work_dir)
    cfg.work_dir = str(work_dir)
    cfg.launcher = 'none'
    return cfg
