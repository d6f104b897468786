"""The beginning of a supernet's forward, which no gene changes: once for each image of a search.

What `Supernet.once` is asked for is kept by what it is computed from: the images themselves, which
are compared (augmented, flipped, cropped or resized views are others), what the network says that
it depends on, and the statistics that its norms have. In calibration these are those of the group
of images at hand, in validation those of all. Both follow from the weights and the calibration
images alone, for a norm of the beginning sees what the beginning gives: every network has the same
statistics there, and the same maps, to the last bit.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.errors import EvaluationError
from scalenas.models import Supernet

from .pool import Norms, pooled_statistics

LIMIT = 2 * 2**30
_UNITS = {'': 1, 'KiB': 2**10, 'MiB': 2**20, 'GiB': 2**30}
_PROBED = 16  # values of the middle row of each channel, by which images are looked up

Forward = Callable[[Any], object]
Groups = Callable[[], Iterable[Sequence[Any]]]
Statistics = dict[_BatchNorm, tuple[Tensor, Tensor]]
Key = tuple[Hashable, ...]


def prefix_limit(search: object) -> int:
    """Bytes that `search.cache_prefix` of a config allows: by default 2 GiB; False is none.

    Raises:
        EvaluationError: for a value that is no size.
    """
    given = search.get('cache_prefix', LIMIT) if isinstance(search, Mapping) else LIMIT
    if given is False:
        return 0
    if isinstance(given, str) and (hit := re.fullmatch(r'(\d+(?:\.\d+)?) ?([KMG]iB|)', given)):
        return int(float(hit[1]) * _UNITS[hit[2]])
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise EvaluationError(
            where='search.cache_prefix',
            got=given,
            allowed="a limit, in bytes or as a text such as '2GiB'; False for no cache",
        )
    return given


@dataclass(frozen=True)
class _Entry:
    """What the beginning gave for `x`, and the versions of all these tensors then."""

    x: Tensor
    maps: Any
    versions: tuple[int, ...]
    bytes: int

    @property
    def is_whole(self) -> bool:
        """False where somebody wrote into one of its tensors."""
        return self.versions == _versions(self.x, self.maps)

    def answers(self, x: Tensor) -> bool:
        """True for the same images."""
        return self.is_whole and (x is self.x or torch.equal(x, self.x))


class _MissedError(Exception):
    """An image of a calibration is none of those of the first calibration."""


class PrefixCache:
    """What `supernet.once` computes in calibration and validation, up to `limit` bytes.

    Calibration images are kept all or none; of the validation as many as fit, and what does not is
    computed for each network. All is dropped when a weight changes. `is_held(x)` says that a tensor
    of images stays in memory anyway, and does not count.
    """

    def __init__(
        self,
        supernet: Supernet[Any],
        limit: int = LIMIT,
        is_held: Callable[[Tensor], bool] = lambda x: False,
    ) -> None:
        self.supernet, self.limit, self._is_held = supernet, limit, is_held
        self._modules = list(supernet.modules())
        self._inside = threading.local()  # forwards of one calibration are threads
        self._has_said = False
        self._round = 0
        self.clear()

    def clear(self) -> None:
        """Forgets all."""
        self._entries: dict[Key, list[_Entry]] = {}
        self.bytes = 0
        self._weights: tuple[object, ...] | None = None
        self._stage: Literal['', 'first', 'again', 'validation'] = ''
        self._group = 0
        # Of the norms of the beginning; None while they are not known.
        self._statistics: Statistics | None = None
        self._has_all = self._is_too_big = False  # of the calibration images

    def statistics(self, norms: Norms, forward: Forward, groups: Groups) -> None:
        """As `pooled_statistics` of `groups()`; from the second call on without the beginning."""
        weights = self._weight_versions() if self.limit else None
        if weights != self._weights:
            self.clear()
            self._weights = weights
        if weights is None:
            pooled_statistics(norms, forward, groups())
            return
        if self._has_all:
            try:
                self._again(norms, forward, groups)
                return
            except _MissedError:
                self._drop('calibration')
        self._first(norms, forward, groups)

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Inside, the supernet computes the beginning of images that are not known, and keeps it.

        Its norms must have the statistics that `statistics` gave last.
        """
        if self._statistics is None:
            yield
            return
        with self._at('validation'):
            yield

    def _first(self, norms: Norms, forward: Forward, groups: Groups) -> None:
        """A whole calibration, which shows what belongs to the beginning."""
        met: dict[_BatchNorm, None] = {}

        def note(norm: _BatchNorm, *_: object) -> None:
            if getattr(self._inside, 'now', False):
                met[norm] = None

        hooks = [norm.register_forward_pre_hook(partial(note, norm)) for _, norm in norms]
        self._has_all = not self._is_too_big  # until something is not kept
        try:
            with self._at('first'):
                pooled_statistics(norms, forward, self._numbered(groups))
        except BaseException:
            self.clear()
            raise
        finally:
            for hook in hooks:
                hook.remove()
        known = any(key[0] == 'calibration' for key in self._entries)
        if not (known and self._has_all):
            self._drop('calibration')
        before = self._statistics
        self._statistics = {norm: _statistics(norm) for norm in met} if met or known else None
        if before is not None and not _same(before, self._statistics):
            self._drop('validation')

    def _again(self, norms: Norms, forward: Forward, groups: Groups) -> None:
        known = self._statistics or {}
        rest = [(name, norm) for name, norm in norms if norm not in known]
        with self._at('again'):
            pooled_statistics(rest, forward, self._numbered(groups))
        for norm, values in known.items():
            for buffer, value in zip(_buffers(norm), values, strict=True):
                buffer.copy_(value)

    @contextmanager
    def _at(self, stage: Literal['first', 'again', 'validation']) -> Iterator[None]:
        self._stage = stage
        try:
            with self.supernet.remembering(self._remember):
                yield
        finally:
            self._stage = ''

    def _numbered(self, groups: Groups) -> Iterator[Sequence[Any]]:
        """The groups; what is asked for while one of them is out belongs to it."""
        for self._group, group in enumerate(groups()):
            self._round += 1
            yield group

    def _remember(
        self, compute: Callable[[Tensor], Any], x: Tensor, depends: tuple[Hashable, ...]
    ) -> Any:
        if torch.is_grad_enabled() or x.is_inference():
            self._has_all = self._has_all and self._stage != 'first'
            return self._unknown(compute, x)
        place: Key = ('validation',)
        if self._stage != 'validation':
            place = 'calibration', self._group, self._number_of_call()
        key = (*place, *depends, *_looks(x))
        known = next((kept for kept in self._entries.get(key, ()) if kept.answers(x)), None)
        # In the first calibration everything is seen by the norms, also what comes twice.
        if known is not None and self._stage != 'first':
            return _copy(known.maps)
        maps = self._unknown(compute, x)
        if known is None:
            self._drop_changed(key)
            self._keep(key, x, maps)
        return _copy(maps)

    def _number_of_call(self) -> int:
        """In this forward: norms see the first views of all images together, then the second."""
        now = self._inside
        if getattr(now, 'group', None) != self._round:
            now.group, now.calls = self._round, 0
        now.calls += 1
        return int(now.calls)

    def _unknown(self, compute: Callable[[Tensor], Any], x: Tensor) -> Any:
        if self._stage == 'again':
            # The norms of the beginning do not take part, and cannot any more.
            raise _MissedError
        self._inside.now = True
        try:
            return compute(x)
        finally:
            self._inside.now = False

    def _keep(self, key: Key, x: Tensor, maps: Any) -> None:
        size = sum(map(_num_bytes, _tensors(maps))) + (0 if self._is_held(x) else _num_bytes(x))
        if self.bytes + size <= self.limit and (self._has_all or key[0] == 'validation'):
            entry = _Entry(x, _copy(maps), _versions(x, maps), size)
            self._entries.setdefault(key, []).append(entry)
            self.bytes += size
            return
        if key[0] == 'calibration':
            self._is_too_big = True
            self._drop('calibration')
        if not self._has_said:
            self._has_said = True
            print_log(
                f'search.cache_prefix: {self.limit / 2**30:.2f} GiB do not hold what all sub-nets '
                f'compute alike for all {key[0]} images; it is computed again for the rest',
                'current',
            )

    def _drop(self, place: Literal['calibration', 'validation']) -> None:
        if place == 'calibration':
            self._has_all = False
        for key in [key for key in self._entries if key[0] == place]:
            self.bytes -= sum(entry.bytes for entry in self._entries.pop(key))

    def _drop_changed(self, key: Key) -> None:
        kept = self._entries.pop(key, [])
        whole = [entry for entry in kept if entry.is_whole]
        self.bytes -= sum(entry.bytes for entry in kept) - sum(entry.bytes for entry in whole)
        if whole:
            self._entries[key] = whole

    def _weight_versions(self) -> tuple[object, ...] | None:
        """Changes whenever a weight of the supernet does; None where torch does not count."""
        weights = [w for m in self._modules for w in m._parameters.values() if w is not None]
        if any(weight.is_inference() for weight in weights):
            return None
        return tuple((id(weight), weight.data_ptr(), weight._version) for weight in weights)


def _looks(x: Tensor) -> Key:
    """Equal for equal images, and mostly for no others; with what else decides about the bits."""
    row = x[..., x.shape[-2] // 2, :: max(1, x.shape[-1] // _PROBED)] if x.dim() > 1 else x
    mixed = tuple(torch.is_autocast_enabled(kind) for kind in ('cpu', 'cuda'))
    return (*row.flatten().tolist(), x.shape, x.stride(), x.dtype, x.device, mixed)


def _tensors(maps: Any) -> Sequence[Tensor]:
    return [maps] if isinstance(maps, Tensor) else list(maps)


def _copy(maps: Any) -> Any:
    """The same tensors, in a container of their own."""
    return maps if isinstance(maps, Tensor) else type(maps)(maps)


def _versions(x: Tensor, maps: Any) -> tuple[int, ...]:
    return tuple(tensor._version for tensor in (x, *_tensors(maps)))


def _num_bytes(x: Tensor) -> int:
    return x.untyped_storage().nbytes()


def _buffers(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var


def _statistics(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    mean, var = _buffers(norm)
    return mean.clone(), var.clone()


def _same(one: Statistics, other: Statistics | None) -> bool:
    return (
        other is not None
        and one.keys() == other.keys()
        and all(
            torch.equal(a, b) for norm in one for a, b in zip(one[norm], other[norm], strict=True)
        )
    )
