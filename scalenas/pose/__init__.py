"""What mmpose lacks: HigherHRNet's head, targets, pipeline and multi-scale test; HRNet's boxes.

Importing this room imports mmpose, so no registry does it: a config names the room in its
`custom_imports`.
"""

from mmengine.registry import Registry
from mmpose.registry import KEYPOINT_CODECS

from scalenas.registry import MODELS, TRANSFORMS

from .codec import HigherAssociativeEmbedding
from .higher_head import HigherHRNetHead
from .masks import BottomupMask
from .pyramid import PackPyramid, PyramidPoseEstimator, PyramidPreprocessor, PyramidResize
from .random_warp import BottomupRandomWarp, TopdownRandomBox

CODECS = Registry('keypoint codec', parent=KEYPOINT_CODECS, scope='scalenas')

for _kind in (HigherHRNetHead, PyramidPoseEstimator, PyramidPreprocessor):
    MODELS.register_module(module=_kind)
for _kind in (BottomupMask, BottomupRandomWarp, PackPyramid, PyramidResize, TopdownRandomBox):
    TRANSFORMS.register_module(module=_kind)
CODECS.register_module(module=HigherAssociativeEmbedding)

__all__ = [
    'BottomupMask',
    'BottomupRandomWarp',
    'HigherAssociativeEmbedding',
    'HigherHRNetHead',
    'PackPyramid',
    'PyramidPoseEstimator',
    'PyramidPreprocessor',
    'PyramidResize',
    'TopdownRandomBox',
]
