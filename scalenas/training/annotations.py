"""Samples without their labels, for sub-nets that learn from a teacher alone."""

from __future__ import annotations

from collections.abc import Sequence


def without_labels(samples: object) -> object:
    """The same samples with what describes the pictures (sizes, paths), and no annotation."""
    if not isinstance(samples, Sequence):
        return samples
    return [type(sample)(metainfo=sample.metainfo) for sample in samples]
