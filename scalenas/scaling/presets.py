"""Published scalings that follow no rule: tables of depth, width and resolution factors."""

from __future__ import annotations

import re

from scalenas.arch import Rounding, Scaling
from scalenas.arch.rounding import CEIL, EFFICIENTNET, NEAREST

from .searched import SearchedScalings
from .strategy import ScalingError

EFFICIENTNET_TABLE: dict[str, Scaling] = {
    f'b{n}': Scaling(depth, width, side / 224)
    for n, (width, depth, side) in enumerate(
        [
            (1.0, 1.0, 224),
            (1.0, 1.1, 240),
            (1.1, 1.2, 260),
            (1.2, 1.4, 300),
            (1.4, 1.8, 380),
            (1.6, 2.2, 456),
            (1.8, 2.6, 528),
            (2.0, 3.1, 600),
        ]
    )
}
"""B0 to B7 from B0, for the rounding of EfficientNet (Tan and Le 2019, the released code)."""

SCALENET_TABLE: dict[str, Scaling] = {
    's0': Scaling(),
    's1': Scaling(1.080, 1.040, 1.140),
    's2': Scaling(1.360, 1.200, 1.355),
    's3': Scaling(1.480, 1.400, 1.580),
    's4': Scaling(1.653, 1.534, 2.042),
    's5': Scaling(1.848, 1.688, 2.378),
}
"""S1 to S5 from S0, for the rounding `ceil` (ScaleNet, Xie et al. 2022, table 8)."""

TABLES: dict[str, tuple[dict[str, Scaling], Rounding]] = {
    'efficientnet': (EFFICIENTNET_TABLE, EFFICIENTNET),
    'scalenet': (SCALENET_TABLE, CEIL),
}
"""Name of a table -> its scalings, and the rounding that belongs to it."""


def compound_efficientnet(phi: float) -> Scaling:
    """1.2^phi, 1.1^phi, 1.15^phi: the rule from which EfficientNet's table was rounded by hand."""
    return Scaling(1.2**phi, 1.1**phi, 1.15**phi)


def table_entry(text: str) -> tuple[Scaling, Rounding]:
    """The scaling `scalenet:s2`, `efficientnet:b3` or `scalings.yaml:s4`, and its rounding.

    The last names a file of searched scalings (see `SearchedScalings`) and any stage.

    Raises:
        ScalingError: for an unknown table or entry.
    """
    name, _, entry = text.rpartition(':')
    if name.endswith(('.yaml', '.yml')):
        searched = SearchedScalings.read(name)
        if not re.fullmatch(r's[0-9]{1,4}', entry):
            raise ScalingError(where=name, got=entry, allowed=f'a stage, as in {name}:s2')
        return searched(int(entry[1:])), searched.rule
    table, rule = TABLES.get(name, ({}, NEAREST))
    if entry not in table:
        known = [f'{n}:{e}' for n, (rows, _) in TABLES.items() for e in rows]
        raise ScalingError(where='table entry', got=text, allowed=known)
    return table[entry], rule
