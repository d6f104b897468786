"""Short runs of the kills; whole ones: `python -m tests.reliability training`, or `export`."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import export, training


@pytest.mark.slow
def test_a_killed_training_goes_on(tmp_path: Path) -> None:
    counts = training.run(4, 1, tmp_path, training.Counts())
    assert (counts.kills, counts.faults) == (4, 0)


@pytest.mark.slow
def test_a_killed_export_leaves_nothing_wrong(tmp_path: Path) -> None:
    counts = export.run(4, 1, tmp_path, export.Counts())
    assert (counts.kills, counts.faults) == (4, 0)
