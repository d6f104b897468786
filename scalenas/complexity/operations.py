"""The counter that mmdet had until mid-2020, which gives the GFLOPs of ScaleNAS's table 5.

It adds what the multiply-adds of convolutions and linear layers leave out: one operation per
output of a bias (of convolutions only), a ReLU or an upsampling, two per output of a batch norm. A
transposed convolution counts as if its kernel stood on every output position, which is `stride**2`
times too much. 1 G = 1e9. Interpolation and pooling in necks are functions, which it does not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from scalenas.arch import Head, HRArch, Layer, Size, Unit
from scalenas.arch.hrnet_units import Bottleneck, FuseRow

from .at_output import at_output
from .columns import macs


def count_operations(arch: HRArch, size: Size, head: Head) -> int:
    """Operations of a whole model for one image of `size`, as mmdet counted them.

    Source: mmdet until mid-2020 (pull request 3134), `get_flops.py`; there a detector runs 1000
    regions, and 100 of them through the mask head.
    """
    total = 0
    for _, unit in arch.units(size):
        plan = unit.layers()
        total += sum(map(_operations, plan)) + _between(unit, plan)
    for layer in head.layers(arch.features(size)):
        total += _operations(layer) + _activated(layer)
    return total


def _operations(layer: Layer) -> int:
    multiply_adds, outputs = macs(at_output(layer)), _outputs(layer)
    bias = outputs if layer.bias and layer.op != 'linear' else 0
    return multiply_adds + bias + 2 * outputs * layer.norm


def _outputs(layer: Layer) -> int:
    return layer.c_out * prod(layer.size_out) * layer.times


def _between(unit: Unit, plan: Sequence[Layer]) -> int:
    """ReLUs and upsamplings of a unit of the backbone."""
    if isinstance(unit, FuseRow):
        added = unit.channels[unit.target] * prod(unit.sizes[unit.target])
        # One ReLU after the sum; between strided convolutions, but not after the last.
        found = added
        for layer in plan:
            source, position, *_ = map(int, layer.name.split('.'))
            if source > unit.target:
                found += added
            elif position < unit.target - source - 1:
                found += _outputs(layer)
        return found
    # The last ReLU of a residual block comes after the sum, and a projection has none.
    acting = plan[:3] if isinstance(unit, Bottleneck) else plan
    return sum(map(_outputs, acting))


def _activated(layer: Layer) -> int:
    """ReLUs of RoI heads; the RPN's is a function, and necks have none."""
    hidden = ('roi_head.bbox_head.shared_fcs', 'roi_head.mask_head.convs', 'roi_head.mask_head.up')
    return _outputs(layer) if layer.name.startswith(hidden) else 0
