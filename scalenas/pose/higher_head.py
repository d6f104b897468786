"""HigherHRNet's head in torch: heat maps at two scales, tags that say who a joint belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads.base_head import BaseHead
from mmpose.models.utils.tta import aggregate_heatmaps, flip_heatmaps
from mmpose.registry import KEYPOINT_CODECS
from mmpose.registry import MODELS as MMPOSE_MODELS
from torch import Tensor, nn

from scalenas.errors import UserError
from scalenas.models.blocks import basic_block
from scalenas.models.layers import Build

Outputs = tuple[Tensor, Tensor]
DEFAULT_INIT = (
    {'type': 'Normal', 'layer': ['Conv2d', 'ConvTranspose2d'], 'std': 0.001},
    {'type': 'Constant', 'layer': 'BatchNorm2d', 'val': 1},
)
"""What mmpose's heat map heads start from."""


@final
class HigherHRNetHead(BaseHead):
    """Heat maps and tags of the finest feature map; enlarged by two, heat maps again.

    One transposed convolution (4x4, stride 2) sees the finest feature map and the first
    predictions; residual blocks follow it. `HigherHead` counts the same layers.

    Args:
        in_channels: of the finest feature map.
        num_keypoints: joints of a person.
        channels: of the enlarged map. Default: in_channels.
        num_blocks: residual blocks on the enlarged map.
        keypoint_loss: of the heat maps at each scale; gets prediction, target and mask.
        tag_loss: returns pull and push, summed over images, of which the mean over images counts.
        decoder: the codec that groups joints to people.

    Source: HigherHRNet (Cheng et al. 2020), sections 3.2 to 3.4; Newell et al. 2017.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        channels: int | None = None,
        num_blocks: int = 4,
        norm_cfg: Mapping[str, Any] | None = None,
        keypoint_loss: Mapping[str, Any] | None = None,
        tag_loss: Mapping[str, Any] | None = None,
        decoder: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(list(map(dict, DEFAULT_INIT)) if init_cfg is None else init_cfg)
        channels = channels or in_channels
        build = Build(norm_cfg=norm_cfg or {'type': 'BN'})
        self.num_keypoints = num_keypoints
        both = 2 * num_keypoints
        self.final_layers = nn.ModuleList(
            [nn.Conv2d(in_channels, both, 1), nn.Conv2d(channels, num_keypoints, 1)]
        )
        self.upsample = nn.Sequential(
            nn.ConvTranspose2d(in_channels + both, channels, 4, 2, 1, bias=False),
            build.norm(channels),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*(basic_block(channels, build) for _ in range(num_blocks)))
        # With their scope, as another package's default scope may be active.
        self.keypoint_loss = MMPOSE_MODELS.build(
            keypoint_loss or {'type': 'mmpose.KeypointMSELoss'}
        )
        self.tag_loss = MMPOSE_MODELS.build(
            tag_loss or {'type': 'mmpose.AssociativeEmbeddingLoss', 'loss_weight': 0.001}
        )
        self.decoder = KEYPOINT_CODECS.build(decoder) if decoder else None

    def forward(self, feats: Sequence[Tensor]) -> Outputs:
        """Maps (N, c_i, H_i, W_i), fine first -> (N, 2K, H, W): heat maps, tags; (N, K, 2H, 2W)."""
        finest = feats[0]
        first = self.final_layers[0](finest)
        enlarged = self.blocks(self.upsample(torch.cat((finest, first), 1)))
        return first, self.final_layers[1](enlarged)

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: Sequence[Any],
        train_cfg: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """Masked heat map losses of both scales, and pull and push of the tags."""
        first, second = self.forward(feats)
        heatmaps, tags = first.split(self.num_keypoints, 1)
        losses = {}
        for level, (name, heatmap) in enumerate((('coarse', heatmaps), ('fine', second))):
            fields = [sample.gt_fields[level] for sample in batch_data_samples]
            target = torch.stack([field.heatmaps for field in fields])
            mask = torch.stack([field.heatmap_mask for field in fields])[:, None]  # (N, 1, H, W)
            losses[f'loss_heatmaps_{name}'] = self.keypoint_loss(heatmap, target, None, mask)
        places = [sample.gt_instance_labels.keypoint_indices for sample in batch_data_samples]
        pull, push = self.tag_loss(tags, places)
        # mmpose's loss sums over images; the authors' factor of 0.001 is for their mean.
        return {**losses, 'loss_pull': pull / len(places), 'loss_push': push / len(places)}

    def predict(
        self,
        feats: Any,
        batch_data_samples: Sequence[Any],
        test_cfg: Mapping[str, Any] | None = None,
    ) -> Any:
        """People in input coordinates: InstanceData with keypoints (P, K, 2), keypoint_scores.

        Args:
            feats: as mmpose's BottomupPoseEstimator gives them: the feature maps of the image; with
                `flip_test` a list of those and of the mirror image's; with `multiscale_test` a list
                of either, the input's own scale first.
            test_cfg: `flip_test`, `multiscale_test`, and `output_heatmaps`, which also returns a
                list of PixelData with heat maps and tags of the input's size.
        """
        test_cfg = test_cfg or {}
        shapes = {tuple(sample.metainfo['img_shape']) for sample in batch_data_samples}
        if len(shapes) > 1:
            raise UserError(
                where='sizes of the images of a batch',
                got=sorted(shapes),
                allowed='one, for a bottom-up test',
                hint='set batch_size=1',
            )
        ((height, width),) = shapes
        size, flip = (width, height), test_cfg.get('flip_test', False)
        partner = batch_data_samples[0].metainfo['flip_indices'] if flip else None
        pyramid = feats if test_cfg.get('multiscale_test', False) else [feats]
        heatmaps, tags = [], []
        for scale, views in enumerate(pyramid):
            seen = views if flip else [views]
            pairs = [self._maps(*self.forward(view), size) for view in seen]
            if flip:
                pairs[1] = tuple(flip_heatmaps(m, partner, shift_heatmap=False) for m in pairs[1])
            heatmaps.append(aggregate_heatmaps([maps for maps, _ in pairs], None))
            if scale == 0:
                tags = [tag for _, tag in pairs]
        all_heatmaps = aggregate_heatmaps(heatmaps, None)
        all_tags = torch.cat(tags, 1)
        people = self.decode((all_heatmaps, all_tags))
        if not test_cfg.get('output_heatmaps', False):
            return people
        fields = zip(all_heatmaps.detach(), all_tags.detach(), strict=True)
        return people, [PixelData(heatmaps=maps, tags=tag) for maps, tag in fields]

    def decode(self, batch_outputs: Outputs) -> list[InstanceData]:
        """Heat maps (N, K, H, W) and tags (N, L K, H, W) -> the people of each image."""
        if self.decoder is None:
            raise UserError(
                where='HigherHRNetHead.decoder', got=None, allowed='a codec, to predict people'
            )
        return [
            InstanceData(keypoints=keypoints, keypoint_scores=scores, bbox_scores=of_person)
            for keypoints, scores, of_person in zip(
                *self.decoder.batch_decode(*batch_outputs), strict=True
            )
        ]

    def _maps(self, first: Tensor, second: Tensor, size: tuple[int, int]) -> Outputs:
        """Mean heat map of both scales, and tags, at the size (width, height) of the input."""
        heatmaps, tags = first.split(self.num_keypoints, 1)
        return (
            aggregate_heatmaps([heatmaps, second], size),
            aggregate_heatmaps([tags], size, mode='concat'),
        )
