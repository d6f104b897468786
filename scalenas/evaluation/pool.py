"""Mean and variance over all values that batch norms see in several forwards, pooled exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from mmengine import dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.errors import EvaluationError

from .meeting import Arrival, meet

Norms = list[tuple[str, _BatchNorm]]


class _Seen:
    """The statistics that one norm had in each forward, or meeting of forwards."""

    def __init__(self, norm: _BatchNorm) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self.mean, self.var = norm.running_mean, norm.running_var
        self.old = self.mean.clone(), self.var.clone()
        self.counts: list[float] = []
        self.shrink: list[float] = []  # from unbiased to biased variance
        self.means: list[Tensor] = []
        self.variances: list[Tensor] = []
        # Old statistics that are not finite would survive a momentum of 1: 0 * inf is not 0.
        self.mean.zero_()
        self.var.zero_()

    def take(self, norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Forward hook: keeps the statistics of this forward, which are in the buffers."""
        own = common = inputs[0].numel() // inputs[0].shape[1]
        if isinstance(norm, nn.SyncBatchNorm) and dist.is_distributed():
            # It counted the values of all ranks, which see the same images.
            total = torch.tensor(own, device=inputs[0].device)
            dist.all_reduce(total)
            common = int(total)
        self._keep(own, (common - 1) / common)

    def agree(self, arrivals: Sequence[Arrival]) -> None:
        """Writes what all arrivals have together into the buffers that they read, and keeps it."""
        counts = torch.tensor([at.count for at in arrivals], dtype=torch.float64)
        total = int(counts.sum())
        if total < 2:
            raise _single_value(f'got input size {list(arrivals[0].shape)}')
        means = torch.stack([at.mean for at in arrivals]).double()
        variances = torch.stack([at.var for at in arrivals]).double()
        weights = (counts / total).to(means.device)
        mean = weights @ means
        # As in training: what normalizes is not corrected for a mean that was estimated.
        arrivals[0].mean_buffer.copy_(mean)
        arrivals[0].var_buffer.copy_(weights @ (variances + (means - mean) ** 2))
        self._keep(total, 1.0)

    def _keep(self, count: int, shrink: float) -> None:
        self.counts.append(count)
        self.shrink.append(shrink)
        self.means.append(self.mean.clone())
        self.variances.append(self.var.clone())


@torch.no_grad()
def pooled_statistics(
    norms: Norms, forward: Callable[[Any], object], groups: Iterable[Sequence[Any]]
) -> None:
    """Writes into `norms` their statistics over `forward` of all batches.

    Batches of a group are normalized by what the group has together, as if they were one batch.
    In a run of several processes each is to see all batches: nothing is exchanged. Leaves the
    norms in eval mode; one that no forward reached keeps what it had.

    Raises:
        EvaluationError: without batches, or when a norm sees a single value per channel.
    """
    seen = [_Seen(norm) for _, norm in norms]
    modules = [norm for _, norm in norms]
    num_groups = 0
    try:
        for norm in modules:
            norm.momentum, norm.training = 1.0, False
        for group in groups:
            num_groups += 1
            if len(group) == 1:
                _alone(modules, seen, partial(forward, group[0]))
            else:
                calls = [partial(forward, batch) for batch in group]
                meet(modules, calls, lambda norm, arrivals: seen[norm].agree(arrivals))
    except ValueError as error:
        if 'more than 1 value per channel' not in str(error):
            raise
        raise _single_value(str(error)) from None
    except torch.cuda.OutOfMemoryError as error:
        raise EvaluationError(
            f'the images that are calibrated with do not fit into the memory of the GPU ({error})',
            where='calibration_dataloader',
            hint="their maps are all kept at once: use fewer images (our data sets' `spread`, "
            "mmengine's `indices`), or smaller ones",
        ) from None
    if not num_groups:
        raise EvaluationError('gave no batch', where='calibration_dataloader')
    for one in seen:
        if not one.counts:
            one.mean.copy_(one.old[0])
            one.var.copy_(one.old[1])
    _write([one for one in seen if one.counts])


def _alone(norms: Sequence[_BatchNorm], seen: Sequence[_Seen], call: Callable[[], object]) -> None:
    """One forward, whose statistics the norms take themselves."""
    handles = []
    try:
        for norm, one in zip(norms, seen, strict=True):
            norm.training = True
            handles.append(norm.register_forward_hook(one.take))
        call()
    finally:
        for handle in handles:
            handle.remove()
        for norm in norms:
            norm.training = False


def _single_value(what: str) -> EvaluationError:
    return EvaluationError(
        f'a norm sees one value per channel, which has no variance ({what})',
        where='calibration_dataloader',
        hint='use larger images or more of them',
    )


def _write(seen: list[_Seen]) -> None:
    """Pools all norms at once: rows are forwards, columns the channels of all norms."""
    if not seen:
        return
    rows = range(max(len(one.means) for one in seen))
    means = torch.stack([torch.cat([_row(one.means, r) for one in seen]) for r in rows]).double()
    variances = torch.stack([torch.cat([_row(one.variances, r) for one in seen]) for r in rows])
    widths = [len(one.mean) for one in seen]
    counts, shrink = (
        torch.tensor(
            [[row[r] if r < len(row) else 0.0 for row in table] for r in rows], dtype=torch.float64
        )
        .repeat_interleave(torch.tensor(widths), dim=1)
        .to(means.device)
        for table in ([one.counts for one in seen], [one.shrink for one in seen])
    )
    total = counts.sum(0)
    mean = (counts * means).sum(0) / total
    spread = (counts * (variances * shrink + (means - mean) ** 2)).sum(0)
    var = spread / (total - 1)
    for one, new_mean, new_var in zip(seen, mean.split(widths), var.split(widths), strict=True):
        one.mean.copy_(new_mean)
        one.var.copy_(new_var)


def _row(values: list[Tensor], row: int) -> Tensor:
    """A norm that ran in fewer forwards than others has rows of weight 0."""
    return values[row] if row < len(values) else torch.zeros_like(values[0])
