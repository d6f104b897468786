"""The one counter: sums over the layer plan, and a memo over equal units for speed."""

from __future__ import annotations

from collections.abc import Iterable

from scalenas.arch import Arch, Head, Layer, Size, Unit
from scalenas.arch.strict import as_size
from scalenas.errors import UserError

from .cost import Cost


def layer_cost(layer: Layer) -> Cost:
    """Cost of one layer with its bias and batch norm."""
    weights = layer.c_in // layer.groups * layer.c_out * layer.kernel**2
    height, width = layer.size_out
    params = 0
    if not layer.reused:
        params = weights + layer.bias * layer.c_out + layer.norm * 2 * layer.c_out
    acts = layer.c_out * height * width * layer.times if layer.op != 'linear' else 0
    if layer.op == 'deconv':
        height, width = layer.size
    return Cost(weights * height * width * layer.times, params, acts)


def count(layers: Iterable[Layer]) -> Cost:
    """Cost of a flat layer plan."""
    return sum((layer_cost(layer) for layer in layers), Cost())


class Counter:
    """Cost of whole networks, each distinct unit counted once in the counter's life.

    `counter(arch)` equals `count(arch.layers(size)) + count(head.layers(...))`, some hundred
    times faster once its units are known. `rest` is a constant added to each network: whatever
    stands on the backbone and does not depend on it. Without a `size`, each network counts at its
    own (`arch.size`).
    """

    def __init__(
        self, size: Size | None = None, head: Head | None = None, rest: Cost | None = None
    ) -> None:
        self.size = None if size is None else as_size(size, 'size')
        self.head = head
        self.rest = rest or Cost()
        self._memo: dict[Unit, tuple[int, int, int]] = {}
        self._heads: dict[tuple[Layer, ...], Cost] = {}

    def __call__(self, arch: Arch) -> Cost:
        """Cost of one network at the counter's input size, or else its own.

        Raises:
            UserError: when neither has an input size.
        """
        size = self.size or arch.size
        if size is None:
            raise UserError(
                f'{arch.family} networks have no input size of their own: give the counter one'
            )
        memo = self._memo
        macs, params, acts = self.rest.macs, self.rest.params, self.rest.acts
        for _, unit in arch.units(size):
            known = memo.get(unit)
            if known is None:
                cost = count(unit.layers())
                known = memo[unit] = (cost.macs, cost.params, cost.acts)
            macs += known[0]
            params += known[1]
            acts += known[2]
        if self.head is not None:
            plan = tuple(self.head.layers(arch.features(size)))
            on_top = self._heads.get(plan)
            if on_top is None:
                on_top = self._heads[plan] = count(plan)
            macs, params, acts = macs + on_top.macs, params + on_top.params, acts + on_top.acts
        return Cost(macs, params, acts)
