"""Multi-scale test of bottom-up nets: one image at several scales, heat maps of all averaged.

mmpose 1.3.2 has the options, but stacks images of different sizes on the way (in its packing and
in its estimator), and pads each scale by itself, so that their feature maps do not lie on each
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from mmpose.datasets.transforms import BottomupResize, PackPoseInputs
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.models.pose_estimators import BottomupPoseEstimator
from torch import Tensor

from scalenas.errors import UserError

META_KEYS = (
    *('id', 'img_id', 'img_path', 'crowd_index', 'ori_shape', 'img_shape', 'input_size'),
    *('input_center', 'input_scale', 'flip', 'flip_direction', 'flip_indices', 'raw_ann_info'),
    *('skeleton_links', 'dataset_name'),
)


@final
class PyramidResize(BottomupResize):
    """BottomupResize whose scales show exactly the same part of the padded image.

    The smallest scale is padded to a multiple of `size_factor`, and all others are multiples of it.
    Only `resize_mode='expand'`: the short side of the image fills `input_size`.

    Source: HigherHRNet (Cheng et al. 2020), section 4.1 (test).
    """

    def __init__(
        self,
        input_size: tuple[int, int],
        aug_scales: Sequence[float] | None = None,
        size_factor: int = 64,
    ) -> None:
        super().__init__(
            tuple(input_size), list(aug_scales or ()), size_factor, resize_mode='expand'
        )

    def _get_input_size(
        self, img_size: tuple[int, int], input_size: tuple[int, int]
    ) -> tuple[tuple[float, float], tuple[int, int]]:
        """Sizes (width, height) of the resized image and of the padded one."""
        smallest = min([1.0, *self.aug_scales])
        base = tuple(int(side * smallest) for side in self.input_size)
        resized, padded = super()._get_input_size(img_size, base)
        factor = input_size[0] / base[0]
        return (
            (resized[0] * factor, resized[1] * factor),
            (round(padded[0] * factor), round(padded[1] * factor)),
        )


@final
class PackPyramid(PackPoseInputs):
    """PackPoseInputs for a list of images, which may differ in size.

    Leaves out `category_id`, of which an image has as many as people: CocoMetric would take it for
    that of each prediction.
    """

    def __init__(self, pack_transformed: bool = False) -> None:
        super().__init__(META_KEYS, pack_transformed)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """`inputs` is a tensor (C, H, W), or a list of them where `img` is a list."""
        images = results['img']
        if not isinstance(images, list):
            result: dict[str, Any] = super().transform(results)
            return result
        packed = [super(PackPyramid, self).transform({**results, 'img': img}) for img in images]
        packed[0]['data_samples'].set_metainfo({'aug_scales': results['aug_scales']})
        return {**packed[0], 'inputs': [one['inputs'] for one in packed]}


@final
class PyramidPreprocessor(PoseDataPreprocessor):
    """PoseDataPreprocessor that takes each scale of a pyramid by itself."""

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """`inputs`: images, or a list of scales of images -> tensors (N, C, H, W) of each."""
        inputs = data['inputs']
        if isinstance(inputs, Tensor) or isinstance(inputs[0], Tensor):
            result: dict[str, Any] = super().forward(data, training)
            return result
        # The input's own scale last: its sizes are what the samples keep.
        done = [
            super(PyramidPreprocessor, self).forward({**data, 'inputs': scale})
            for scale in reversed(inputs)
        ]
        return {**done[-1], 'inputs': [one['inputs'] for one in reversed(done)]}


@final
class PyramidPoseEstimator(BottomupPoseEstimator):
    """BottomupPoseEstimator whose `multiscale_test` takes images of different sizes."""

    def forward(self, inputs: Any, data_samples: Any, mode: str = 'tensor') -> Any:
        """As mmpose's, but a list of scales is predicted as it is, not stacked."""
        if mode != 'predict':
            return super().forward(inputs, data_samples, mode)
        several, asked = isinstance(inputs, list), self.test_cfg.get('multiscale_test', False)
        if several != asked:
            raise UserError(
                where='model.test_cfg.multiscale_test',
                got=asked,
                allowed=f'{several}: the pipeline gives {"several scales" if several else "one"}',
                hint='or change aug_scales of scalenas.PyramidResize',
            )
        if not several:
            return super().forward(inputs, data_samples, mode)
        if self.metainfo is not None:
            for sample in data_samples:
                sample.set_metainfo(self.metainfo)
        return self.predict(inputs, data_samples)
