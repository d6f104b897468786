"""mmpose: joints of people, from boxes (top-down) or from whole images (bottom-up)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scalenas.arch import Arch, Head, HigherHead, PoseHead, Size
from scalenas.config.parts import accepted, registered
from scalenas.config.walk import tables_in
from scalenas.errors import DataError, ExportError
from scalenas.registry import MODELS

from .coco.annotations import Wanted
from .coco.average_precision import comes_from, score_exactly
from .coco.datasets import Reading, as_coco, check_coco
from .coco.truth import fit_poses, fit_truth
from .heads import finest_map, keep_resolution, kind, needs_all_maps, table_of, task_model
from .known import register_task
from .metrics import Metric, with_prefix, words
from .own_data import HeldOut, OwnData, annotated, coco_splits, joints_of
from .task import FROZEN, Task, as_size_pair

JOINING = 'FeatureMapProcessor'
"""The neck of mmpose that enlarges maps to the finest, and concatenates them."""

METRIC = 'mmpose.evaluation.metrics.coco_metric'

READING = Reading(
    package='mmpose',
    base='BaseCocoStyleDataset',
    methods=('_load_annotations', 'parse_data_info'),
    scored=('iscrowd', 'keypoints'),
    area=False,
    # In test mode it would tell the metrics which file is the truth.
    lazily={'test_mode': False, 'bbox_file': None},
)


def _of_joints(model: Mapping[str, Any], count: int) -> dict[str, int]:
    """What changes in a head for so many joints."""
    head = table_of(model, 'head')
    # With their offsets, heat maps are three to a joint (Huang et al. 2020, UDP).
    three = table_of(head, 'decoder').get('heatmap_type') == 'combined'
    given = {key: count for key in ('num_keypoints', 'num_joints') if key in head}
    return given or {'out_channels': 3 * count if three else count}


def _poses(prefix: str) -> Callable[[Metric], list[str] | None]:
    def names(metric: Metric) -> list[str] | None:
        if metric.get('format_only'):
            return None
        sizes = ['AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)']
        if metric.get('iou_type') == 'keypoints_crowd':
            sizes = ['AR', 'AR .5', 'AR .75', 'AP(E)', 'AP(M)', 'AP(H)']
        return with_prefix(metric, prefix, ['AP', 'AP .5', 'AP .75', *sizes])

    return names


def _pck(metric: Metric) -> list[str]:
    names = {'bbox': 'PCK', 'head': 'PCKh', 'torso': 'tPCK'}
    items = words(metric.get('norm_item', 'bbox'))
    return with_prefix(metric, '', [names[i] for i in names if i in items])


def _mpii(metric: Metric) -> list[str] | None:
    if words(metric.get('norm_item', 'head')) != ['head']:
        return None
    joints = ('Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle')
    return with_prefix(metric, '', [*(f'{joint} PCK' for joint in joints), 'PCK', 'PCK@0.1'])


def _one(name: str) -> Callable[[Metric], list[str]]:
    return lambda metric: with_prefix(metric, '', [name])


@register_task
class Pose(Task):
    """Keypoints in COCO's format, heat maps of one map, and COCO's or PCK metrics."""

    package = 'mmpose'
    visualizer = 'PoseLocalVisualizer'
    recipes: ClassVar = {
        'pose': 'configs/scalenas_pose/coco/hrnet_w48_8xb48-210e_coco-256x192.py',
        'pose_bottomup': 'configs/scalenas_pose/coco_bottomup/'
        'higher_hrnet_w32_8xb12-300e_coco-512x512.py',
    }
    headline = ('coco/AP', 'AUC', 'PCK', 'PCKh', 'NME', 'EPE')
    errors = ('NME', 'EPE')
    inference_names = ('data_mode', 'dataset_type', 'codec')
    results: ClassVar = {
        'CocoMetric': _poses('coco'),
        'CocoWholeBodyMetric': _poses('coco-wholebody'),
        'PCKAccuracy': _pck,
        'MpiiPCKAccuracy': _mpii,
        'AUC': _one('AUC'),
        'EPE': _one('EPE'),
        'NME': _one('NME'),
    }

    def counted_head(self, head: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
        """One 1x1 convolution of the finest feature map, or HigherHRNet's head."""
        sees = head.get('in_channels')
        if (list(sees) if isinstance(sees, list | tuple) else [sees]) != [channels[0]]:
            return None
        if kind(head) == 'HigherHRNetHead':
            blocks = head.get('num_blocks', 4)
            return HigherHead(head.get('num_keypoints', 0), head.get('channels'), blocks)
        if kind(head) != 'HeatmapHead':
            return None
        convs = [head.get(name) for name in ('deconv_out_channels', 'conv_out_channels')]
        plain = not any(convs) and 'deconv_out_channels' in head
        if plain and head.get('final_layer', {'kernel_size': 1}) == {'kernel_size': 1}:
            return PoseHead(head.get('out_channels', 0))
        return None

    def input_size(self, cfg: Mapping[str, Any], model: Mapping[str, Any]) -> Size | None:
        """That of the preprocessor, else of the codec, which has width and height."""
        swapped = as_size_pair(table_of(cfg, 'codec').get('input_size'))
        own = None if swapped is None else (swapped[1], swapped[0])
        return super().input_size(cfg, model) or own

    def fit(self, variables: dict[str, Any], arch: Arch, resolution: float) -> Arch:
        """The head reads the finest feature map alone, so the backbone gives no other; or all maps,
        where the neck joins them, as that of HRNetV2 does.
        """
        needs_all_maps(arch, 'pose')
        keep_resolution(resolution)
        model = variables['model']
        head, neck = table_of(model, 'head'), table_of(model, 'neck')
        joined = kind(neck) == JOINING and neck.get('concat') and neck.get('select_index') is None
        if not isinstance(head.get('in_channels'), int) or (model.get('neck') and not joined):
            raise ExportError(
                'the recipe cannot take the maps of the net',
                where='model.head',
                got=head.get('type'),
                allowed=f'a head with in_channels, and no neck but a {JOINING} that joins all maps',
            )
        if not joined:
            arch = finest_map(arch)
        maps = arch.features((256, 256))
        model['head'] = {**head, 'in_channels': sum(one.channels for one in maps)}
        size = as_size_pair(table_of(head, 'decoder').get('input_size'))
        if 'in_featuremap_size' in head and size is not None:
            scale = neck.get('scale_factor', 1.0) / maps[0].stride
            model['head']['in_featuremap_size'] = tuple(round(side * scale) for side in size)
        return arch

    def open_heads(self, model: dict[str, Any]) -> None:
        """The finest map has the size of heat maps: nothing enlarges it."""
        head = table_of(model, 'head')
        known = accepted(registered(MODELS, str(head.get('type')), self.package)) if head else None
        if 'deconv_out_channels' in (known or head):
            model['head'] = {**head, 'deconv_out_channels': None}

    def reads_one_map(self, model: Mapping[str, Any]) -> bool:
        """Heads without a neck read the finest."""
        return not model.get('neck')

    def distillation(self, model: Mapping[str, Any]) -> dict[str, Any] | None:
        """By heat maps, each joint with its weight."""
        if kind(model.get('head')) != 'HeatmapHead':
            return None
        return {**FROZEN, 'tap': 'head.final_layer', 'use_target_weight': True}

    def hold_out(self, dataset: Any, count: int | None, seed: int) -> HeldOut:
        """Two files of COCO's annotations."""
        return annotated(dataset.ann_file, count, seed)

    def own_data(self, cfg: Mapping[str, Any], root: Path, classes: Sequence[str]) -> OwnData:
        """COCO's files, of whose first category the joints are; for top-down models."""
        modes = [part.get('data_mode') for _, part in tables_in(cfg.get('train_dataloader'))]
        if 'bottomup' in modes:
            raise DataError(
                'is for models that see people one by one',
                where='--data',
                got='bottomup',
                hint='describe the data in your config',
            )
        splits, truth, content = coco_splits(root)
        category = content['categories'][0] if content['categories'] else {}
        info = joints_of(category, truth['train'])
        about = {'type': 'CocoDataset', 'data_mode': 'topdown', 'metainfo': info}
        sets = {name: {**about, **part} for name, part in splits.items()}
        for name in ('val', 'test'):
            sets[name]['test_mode'] = True
        count = len(info['keypoint_info'])
        return OwnData(
            sets,
            (category.get('name', 'object'),),
            truth,
            {'model': {'head': _of_joints(task_model(cfg)[1], count)}},
            {'type': 'CocoMetric'},
        )

    def joint_weights(self, samples: Sequence[Any]) -> Tensor | None:
        """As the heads of mmpose hand them to their loss."""
        labels = [sample.get('gt_instance_labels') for sample in samples]
        if not all(part is not None and 'keypoint_weights' in part for part in labels):
            return None
        return torch.cat([part.keypoint_weights for part in labels])

    def check_files(self, cfg: Mapping[str, Any], loaders: Sequence[str], hint: str) -> None:
        """COCO files of keypoints, and files of detected boxes."""

        def wanted_of(dataset: Mapping[str, Any], loader: str) -> Wanted | None:
            wanted = as_coco(cfg, dataset, loader, hint, READING)
            if wanted is None:
                return None
            # Whoever shows people one by one shows none of a file without.
            learns = wanted.learns or wanted.reader.data_mode == 'topdown'
            joints = int(wanted.reader.metainfo['num_keypoints'])
            return replace(wanted, keypoints=joints, learns=learns)

        check_coco(cfg, loaders, wanted_of)

    def fit_truth(self, metrics: Sequence[Any], loader: Any, where: str) -> None:
        """CocoMetric scores the people whom the dataloader shows."""
        own = [metric for metric in metrics if comes_from(metric, METRIC)]
        fit_truth(own, loader, where, fit_poses)

    def make_exact(self, metric: Any, present: bool) -> None:
        """CocoMetric at full precision; a net that finds nobody scores 0."""
        score_exactly(metric, METRIC)

    def graph(self, model: nn.Module, images: Tensor, kind: str) -> dict[str, Any]:
        """Heat maps are what heads give; the joints in them are found outside."""
        raw = super().graph(model, images, 'raw')
        return raw if kind == 'raw' else {'heatmaps': raw['raw']}

    def draw(self, hook: dict[str, Any], folder: str | None) -> None:
        """mmpose's own hook is switched on by another word, and saves by itself."""
        if kind(hook) != 'PoseVisualizationHook':
            super().draw(hook, folder)
            return
        hook.update(enable=True, interval=1)
        if folder is not None:
            hook.update(out_dir=str(Path(folder).resolve()))

    def inference_variables(
        self, variables: Mapping[str, Any], dataset: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the inferencers of mmpose, and mmdeploy, look up by name."""
        if not dataset:
            return {}
        head = table_of(table_of(variables, 'model'), 'head')
        return {
            'data_mode': dataset.get('data_mode', 'topdown'),  # as its data sets have it
            'dataset_type': dataset['type'],
            'codec': head.get('decoder') or variables.get('codec'),
        }
