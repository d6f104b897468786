"""Units that are not what a network runs: every cost would be wrong, so no search begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from scalenas.arch import HRArch, layers
from scalenas.complexity import count
from scalenas.errors import EvaluationError
from scalenas.evaluation import trace
from scalenas.evaluation.evaluator import check_units
from scalenas.models import SuperScaleHRNet
from tests.errors import raises
from tests.models.mbconv_nets import BIG
from tests.models.world import DEMO

UNITS = HRArch.units


def without_last(self: HRArch, size: Any) -> Iterator[Any]:
    """A convolution is forgotten."""
    yield from list(UNITS(self, size))[:-1]


def with_one_twice(self: HRArch, size: Any) -> Iterator[Any]:
    """One is counted twice."""
    units = list(UNITS(self, size))
    yield from [*units, units[-1]]


@pytest.mark.parametrize('wrong', [without_last, with_one_twice])
def test_units_that_leave_something_out_are_refused(
    wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, arch = SuperScaleHRNet(DEMO), DEMO.smallest()
    check_units(net, arch)
    check_units(net, DEMO.largest())
    monkeypatch.setattr(HRArch, 'units', wrong)
    with raises(EvaluationError, where='family hrnet: units', names=(f'{arch.summary}',)):
        check_units(net, dataclasses.replace(arch))


def test_networks_of_their_own_size_are_counted_there() -> None:
    from scalenas.models import SuperMBConvNet

    net = SuperMBConvNet(BIG, resize=True)
    for arch in (BIG.smallest(), BIG.largest()):
        check_units(net, arch)
        with net.active(arch):
            seen = trace(net, arch.size, arch.in_channels)
        assert seen['macs'] == count(layers(arch, arch.size))['macs']
