"""What a searched network has to beat: an ordinary HRNet that costs no less."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scalenas.arch import Head, HRArch, Size
from scalenas.arch.hrnet import stock_hrnet
from scalenas.complexity import Counter

SHALLOWEST = 2
"""Of one block per branch, there are no HRNets."""


def uniform_of_cost(config: Path, macs: int) -> HRArch:
    """The cheapest of `uniforms` with at least `macs` at the size and with the head of a config.

    `like` is the largest net of the config's supernet.
    """
    # Only this needs torch.
    from scalenas.config import read_config
    from scalenas.evaluation.config_net import config_net

    net = config_net(read_config(str(config)))
    assert isinstance(net.arch, HRArch)
    assert net.head is not None
    assert net.size is not None
    return cheapest(net.arch, net.head, net.size, macs)


def cheapest(like: HRArch, head: Head, size: Size, macs: int) -> HRArch:
    """The one of `uniforms` with the fewest multiply-adds that are no fewer than `macs`."""
    count = Counter(size, head)
    costs = [(count(arch)['macs'], arch) for arch in uniforms(like)]
    return min((pair for pair in costs if pair[0] >= macs), key=lambda pair: pair[0])[1]


def uniforms(like: HRArch) -> Iterator[HRArch]:
    """HRNets of one depth, fused at the ends of modules, with the stem and modules of `like`.

    As deep as `like` at most, of half to one and a half times its width: at the same cost some are
    wider and shallower, others narrower and deeper.
    """
    modules = [len(stage.modules) for stage in like.stages]
    width, deepest = like.stages[0].channels[0], max(like.stages[0].modules[0].depths)
    for depth in range(SHALLOWEST, deepest + 1):
        for channels in range(width // 2, 3 * width // 2 + 1):
            stock = stock_hrnet(
                *(channels, modules, depth, like.stage1_blocks, like.upsample, like.output)
            )
            yield stock.with_(stem=like.stem, stage1_channels=like.stage1_channels)
