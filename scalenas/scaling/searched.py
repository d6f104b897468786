"""Searched scalings as a file: factors of the stages that were searched, curves for those beyond.

    rounding: ceil
    form: exponential
    stages:
      1: {depth: 1.08, width: 1.04, resolution: 1.14}
      2: {depth: 1.36, width: 1.2, resolution: 1.355}

Source of the generalisation: ScaleNet (Xie et al. 2022), section 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from scalenas.arch import Rounding, Scaling, rounding
from scalenas.arch.document import read_yaml_file
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
    def read(cls, path: str | Path) -> Self:
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
