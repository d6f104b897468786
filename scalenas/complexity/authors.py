"""How other authors count: for quoting their tables, and for nothing else.

- HigherHRNet and mmdet multiply the weights of every convolution by the positions of its output.
  Each position of a transposed one sees only 1 / stride**2 of its kernel, so those come out
  stride**2 times too large.
- ScaleNet halves odd maps downwards. The network itself rounds up (a convolution with 'same'
  padding), so at an odd map size their macs are 7 to 12% below what runs.
- mmdet until mid-2020 counts operations, from which the GFLOPs of ScaleNAS's table 5 are: it adds
  what multiply-adds leave out, one operation per output of a bias (of convolutions only), a ReLU or
  an upsampling, two per output of a batch norm. 1 G = 1e9. Interpolation and pooling in necks are
  functions, which it does not see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod

from scalenas.arch import Head, HRArch, Layer, Size, Unit, out_size
from scalenas.arch.hrnet_units import FuseRow
from scalenas.arch.layer import Bottleneck

from .columns import macs
from .cost import Cost
from .count import count


def count_at_output_size(plan: Iterable[Layer]) -> Cost:
    """Cost of a plan with the macs of transposed convolutions as in HigherHRNet's tables.

    Source: HRNet and HigherHRNet, the released `get_model_summary`.
    """
    return count(map(at_output_size, plan))


def at_output_size(layer: Layer) -> Layer:
    """The layer that such a counter sees: a transposed convolution as one over its output."""
    if layer.op != 'deconv':
        return layer
    return replace(layer, size=layer.size_out, stride=1, op='conv')


def floored(plan: Iterable[Layer], size: Size) -> Iterator[Layer]:
    """The plan with every output map at floor(size / stride), for costing only.

    Source: ScaleNet (Xie et al. 2022), the released counter.
    """
    maps: dict[Size, Size] = {(1, 1): (1, 1)}
    stride = 1
    while (at := out_size(size, stride)) != (1, 1):
        maps[at] = max(1, size[0] // stride), max(1, size[1] // stride)
        stride *= 2
    for layer in plan:
        yield replace(layer, size=maps[layer.size_out], stride=1)


def count_floored(plan: Iterable[Layer], size: Size) -> Cost:
    """Cost of a plan for an input of `size` as the authors of ScaleNet count it."""
    return count(floored(plan, size))


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
    multiply_adds, outputs = macs(at_output_size(layer)), _outputs(layer)
    bias = outputs if layer.bias and layer.op != 'linear' else 0
    return multiply_adds + bias + 2 * outputs * layer.norm


def _outputs(layer: Layer) -> int:
    return layer.c_out * prod(layer.size_out) * layer.times


def _between(unit: Unit, plan: Sequence[Layer]) -> int:
    """ReLUs and upsamplings of a unit of the backbone."""
    if isinstance(unit, FuseRow):
        added = unit.channels[unit.target] * prod(unit.sizes[unit.target])
        # One ReLU after the sum; between strided convolutions, but not after the last.
        total = added
        for layer in plan:
            source, position, *_ = map(int, layer.name.split('.'))
            if source > unit.target:
                total += added
            elif position < unit.target - source - 1:
                total += _outputs(layer)
        return total
    # The last ReLU of a residual block comes after the sum, and a projection has none.
    acting = plan[:3] if isinstance(unit, Bottleneck) else plan
    return sum(map(_outputs, acting))


def _activated(layer: Layer) -> int:
    """ReLUs of RoI heads; the RPN's is a function, and necks have none."""
    hidden = ('roi_head.bbox_head.shared_fcs', 'roi_head.mask_head.convs', 'roi_head.mask_head.up')
    return _outputs(layer) if layer.name.startswith(hidden) else 0
