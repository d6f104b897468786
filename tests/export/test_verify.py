"""What the proof compares; that it holds is tested with each kind of export."""

from __future__ import annotations

import torch

from scalenas.errors import ExportError
from scalenas.export.verify import flat
from tests.errors import contains, raises


def test_outputs_of_any_nesting_are_compared() -> None:
    first, second, third = torch.ones(1), torch.ones(2), torch.ones(3)
    assert [len(t) for t in flat({'a': [first, (second,)], 'b': third})] == [1, 2, 3]
    for strange, kind in ((None, 'NoneType'), ('text', 'str'), ([first, 3.0], 'float')):
        with raises(ExportError, got=kind, allowed=contains('tensors')):
            flat(strange)
