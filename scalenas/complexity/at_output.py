"""Transposed convolutions counted at their output, as HigherHRNet's authors and mmdet once did.

It multiplies the weights of every convolution by the positions of its output. Each position of a
transposed one sees only 1 / stride**2 of its kernel, so those come out stride**2 times too large.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scalenas.arch import Layer

from .cost import Cost
from .count import count


def count_at_output(plan: Iterable[Layer]) -> Cost:
    """Cost of a plan with the macs of transposed convolutions as in HigherHRNet's tables.

    Source: HRNet and HigherHRNet, the released `get_model_summary`.
    """
    return count(map(at_output, plan))


def at_output(layer: Layer) -> Layer:
    """The layer that such a counter sees: a transposed convolution as one over its output."""
    if layer.op != 'deconv':
        return layer
    return replace(layer, size=layer.size_out, stride=1, op='conv')
