"""Scalings that follow no rule: the published tables, and searched stages read from a file.

    rounding: ceil
    form: exponential
    stages:
      1: {depth: 1.08, width: 1.04, resolution: 1.14}
      2: {depth: 1.36, width: 1.2, resolution: 1.355}

Source of the generalisation: ScaleNet (Xie et al. 2022), section 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from scalenas.arch import Rounding, Scaling, rounding
from scalenas.arch.document import read_yaml_file
from scalenas.arch.rounding import CEIL, EFFICIENTNET, NEAREST
from scalenas.arch.strict import MOST_STAGES, as_choice, as_int, as_mapping, inside, wrong

from .generalise import DIMENSIONS, FORMS, fit_growth
from .strategy import ScalingError


@dataclass(frozen=True, slots=True)
class SearchedScalings:
    """Stage (1, 2, ...) -> its factors; `form` names the curves that predict larger stages."""

    stages: Mapping[int, Scaling]
    rule: Rounding
    form: str = 'exponential'

    def __call__(self, stage: int) -> Scaling:
        """The factors of a stage: 1 at stage 0, as searched, or generalised beyond the last.

        Raises:
            ScalingError: for a stage below 0 or a gap between searched ones.
        """
        if stage == 0:
            return Scaling()
        if stage in self.stages:
            return self.stages[stage]
        if stage < max(self.stages):
            allowed = f'0, one of the searched {sorted(self.stages)}, or a larger one'
            raise ScalingError(where='stage', got=stage, allowed=allowed)
        return fit_growth(self.stages, self.form)(stage)

    def dump(self) -> str:
        """As YAML; `read` is the inverse."""
        data = {
            'rounding': self.rule.name,
            'form': self.form,
            'stages': {
                stage: {name: getattr(scaling, name) for name in DIMENSIONS}
                for stage, scaling in sorted(self.stages.items())
            },
        }
        return yaml.safe_dump(data, sort_keys=False)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """From a file.

        Raises:
            ArchError, ScalingError: when there is none, or it is no such YAML.
        """
        data, where = read_yaml_file(path, 'searched scalings'), str(path)
        table = as_mapping(data, where, ('stages',), ('rounding', 'form'))
        form = as_choice(table.get('form', 'exponential'), f'{where}: form', tuple(FORMS))
        rows = table['stages']
        if not isinstance(rows, Mapping) or not rows:
            raise wrong(f'{where}: stages', 'stage numbers with factors', rows)
        stages: dict[int, Scaling] = {}
        for stage, row in rows.items():
            as_int(stage, f'{where}: stages', 1, MOST_STAGES)
            with inside(where):
                factors = as_mapping(row, f'stages[{stage}]', (), DIMENSIONS)
                with inside(f'stages[{stage}]'):
                    stages[stage] = Scaling(**factors)
        with inside(where):
            return cls(stages, rounding(table.get('rounding', 'ceil')), form)


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
        searched = SearchedScalings.from_file(name)
        if not re.fullmatch(r's[0-9]{1,4}', entry):
            raise ScalingError(where=name, got=entry, allowed=f'a stage, as in {name}:s2')
        return searched(int(entry[1:])), searched.rule
    table, rule = TABLES.get(name, ({}, NEAREST))
    if entry not in table:
        known = [f'{n}:{e}' for n, (rows, _) in TABLES.items() for e in rows]
        raise ScalingError(where='table entry', got=text, allowed=known)
    return table[entry], rule
