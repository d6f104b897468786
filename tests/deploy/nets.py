"""Small nets of the three families, with the odd sizes that they are tried on."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scalenas.arch import RegNetArch, RegStage, Size
from scalenas.models import ScaleHRNet, ScaleMBConvNet, ScaleRegNet
from tests.models.mbconv_nets import BIG
from tests.models.world import DEMO, lively

SHALLOW = DEMO.where('*.depth', (1,))


@dataclass(frozen=True)
class Net:
    """A backbone in float32 and eval mode, and a size that its strides do not divide."""

    module: nn.Module
    size: Size

    def images(self, batch: int = 1, seed: int = 0) -> Tensor:
        """(N, 3, H, W), normal."""
        return torch.randn(batch, 3, *self.size, generator=torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def exactly(self, images: Tensor) -> list[Tensor]:
        """What torch gives in float64."""
        maps = self.module.double()(images.double())
        self.module.float()
        return list(maps)


def _nets() -> dict[str, Net]:
    stages = (RegStage(8, 1, 4), RegStage(16, 1, 8))
    return {
        'hrnet': Net(lively(ScaleHRNet(SHALLOW.sample(random.Random(0)))).float(), (65, 71)),
        'mbconv': Net(lively(ScaleMBConvNet(BIG.smallest(), out_indices=(0, 2))).float(), (37, 45)),
        'regnet': Net(lively(ScaleRegNet(RegNetArch(stages, block='y', stem=8))).float(), (33, 41)),
    }


NETS = _nets()
