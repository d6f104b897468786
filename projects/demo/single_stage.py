"""The demo of single-stage models: slices against nets trained alone, and rules left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from scalenas.paths import resource
from scalenas.pipeline import Step, tool_command

from .commands import configs_in, get_data
from .single_stage_report import read_curves

_CONFIGS = 'configs/scalenas_cls/digits'

FULL_RATE = 0.016
_LOW_RATE = f'optim_wrapper.optimizer.lr={0.3 * FULL_RATE:g}'
_NO_ZERO_GAMMA = 'model.architecture.backbone.zero_init_residual=False'
ARMS: Mapping[str, tuple[str, ...]] = {
    'all rules': (),
    'no zero-gamma': (_NO_ZERO_GAMMA,),
    'no zero-gamma, 30 % of the rate': (_NO_ZERO_GAMMA, _LOW_RATE),
    'no constant ending': ('param_scheduler.1.floor=0.0',),
    'labels for all': ('model.distillation=None',),
    'dropout and decay for all': ('model.dropout=all', 'model.child_decay=1e-5'),
    '30 % of the rate': (_LOW_RATE,),
}
"""Name of a single-stage model -> what its config changes, a rule of BigNAS or two."""

CONTROL = '30 % of the rate'
"""Runs after all others: what the low rate does by itself, the fourth curve of figures 4 and 5."""

_SPACE = 'model.architecture.backbone.space'
NETS: Mapping[str, tuple[str, ...]] = {
    'smallest': tuple(
        f'{_SPACE}.{choice}'
        for choice in (
            *('resolution=[20]', 'stem=[8]', 'conv_out=[96]'),
            *('stages.0.width=[8]', 'stages.0.depth=[1]'),
            *('stages.1.width=[16]', 'stages.1.depth=[1]'),
            *('stages.1.kernel=[3]', 'stages.1.expand=[3]'),
            *('stages.2.width=[32]', 'stages.2.depth=[1]'),
            *('stages.2.kernel=[3]', 'stages.2.expand=[3]'),
        )
    ),
    'middle': tuple(
        f'{_SPACE}.{choice}'
        for choice in (
            *('resolution=[24]', 'stem=[8]', 'conv_out=[96]'),
            *('stages.0.width=[8]', 'stages.0.depth=[1]'),
            *('stages.1.width=[24]', 'stages.1.depth=[2]'),
            *('stages.1.kernel=[3]', 'stages.1.expand=[3]'),
            *('stages.2.width=[40]', 'stages.2.depth=[2]'),
            *('stages.2.kernel=[5]', 'stages.2.expand=[3]'),
        )
    ),
    'largest': tuple(
        f'{_SPACE}.{choice}'
        for choice in (
            *('resolution=[32]', 'stem=[12]', 'conv_out=[128]'),
            *('stages.0.width=[12]', 'stages.0.depth=[2]'),
            *('stages.1.width=[24]', 'stages.1.depth=[3]'),
            *('stages.1.kernel=[5]', 'stages.1.expand=[4]'),
            *('stages.2.width=[48]', 'stages.2.depth=[3]'),
            *('stages.2.kernel=[5]', 'stages.2.expand=[4]'),
        )
    ),
}
"""Net -> the space that has it alone."""


@dataclass(frozen=True)
class Run:
    """One training: of a single-stage model of `ARMS`, or of a net of `NETS` alone."""

    kind: str
    seed: int

    @property
    def alone(self) -> bool:
        """True for a net that is trained alone."""
        return self.kind in NETS

    @property
    def folder(self) -> str:
        """A name for files."""
        words = self.kind.replace(',', '').replace('%', 'percent').replace(' ', '_')
        return f'{"alone_" if self.alone else ""}{words}_{self.seed}'


@dataclass(frozen=True)
class SingleStageDemo:
    """Sliced nets against the same nets alone, and one rule of BigNAS at a time left out.

    Runs are independent: two run side by side, with one thread each.

    Source: BigNAS (Yu et al. 2020), section 4.3, figures 4 to 7.
    """

    work: Path
    data: Path
    quick: bool = False
    PARTS: ClassVar[tuple[str, ...]] = ('get', 'train')
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        'initialisation': (*tuple(ARMS)[:3], CONTROL),
        'schedule': ('all rules', 'no constant ending'),
        'distillation': ('all rules', 'labels for all'),
        'regularisation': ('all rules', 'dropout and decay for all'),
    }
    """Rule -> the single-stage models that show it."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Two are the fewest that have a spread."""
        return (0, 1) if self.quick else (0, 1, 2)

    @property
    def iters(self) -> int:
        """Iterations of each run."""
        return 8 if self.quick else 400

    @property
    def interval(self) -> int:
        """Iterations between validations."""
        return self.iters // (2 if self.quick else 8)

    @property
    def config(self) -> Path:
        """Of the single-stage model."""
        return resource(f'{_CONFIGS}/supernet_bignas-ablation_1xb64-400_digits-28x28.py')

    @property
    def config_alone(self) -> Path:
        """Of a net that is trained alone."""
        return resource(f'{_CONFIGS}/alone_bignas_1xb64-400_digits-28x28.py')

    @property
    def runs(self) -> list[Run]:
        """All, seed by seed, and then the control, whose seeds finished runs need not wait for."""
        kinds = [kind for kind in (*ARMS, *NETS) if kind != CONTROL]
        runs = [Run(kind, seed) for seed in self.seeds for kind in kinds]
        return [*runs, *(Run(CONTROL, seed) for seed in self.seeds)]

    def folder(self, run: Run) -> Path:
        """Work dir of a run."""
        return self.work / run.folder

    def get(self) -> list[Step]:
        """The data."""
        return [get_data('digits', self.data)]

    def train(self) -> list[Step]:
        """Every run, tested as it goes by the validation loop."""
        return [self._training(run) for run in self.runs]

    def results(self) -> dict[str, Any]:
        """All scores of finished runs, with what they are of.

        Raises:
            DrawError: when a run was not validated to its end.
        """
        steps = range(self.interval, self.iters + 1, self.interval)
        scores: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
        for run in self.runs:
            curves = read_curves(self.folder(run), 'accuracy/top1', steps)
            own = {'largest': run.kind} if run.alone else {'net2': 'middle'}
            kind = f'{run.kind} alone' if run.alone else run.kind
            named = {own.get(net, net): curve for net, curve in curves.items()}
            scores.setdefault(kind, {})[str(run.seed)] = named
        return {
            'macs': dict(MACS),
            'alone': {net: f'{net} alone' for net in NETS},
            'scores': scores,
        }

    def _training(self, run: Run) -> Step:
        config = self.config_alone if run.alone else self.config
        loaders = ('train', 'val', 'test', 'calibration')
        options = [f'{name}_dataloader.dataset.data_root={self.data}' for name in loaders]
        options += [f'randomness.seed={run.seed}', f'model.sampler.seed={run.seed}']
        options += NETS[run.kind] if run.alone else ARMS[run.kind]
        if self.quick:
            options += [f'train_cfg.max_iters={self.iters}', 'param_scheduler.0.end=2']
            options += [f'train_cfg.val_interval={self.interval}']
        place = self.folder(run)
        given = tool_command('train.py', config, '--work-dir', place, '--cfg-options', *options)
        title = f'{run.kind}{" alone" if run.alone else ""}, seed {run.seed}'
        return Step(
            f'train: {title}',
            given,
            (config, *configs_in(_CONFIGS), self.data / 'meta.json'),
            (place / f'iter_{self.iters}.pth',),
            ('--resume',),
            # A step of the sandwich has four nets.
            share=LENGTHS[run.kind] if run.alone else 1.0,
        )


LENGTHS = {'smallest': 0.2, 'middle': 0.25, 'largest': 0.5}
"""How long a net alone takes, about, in trainings of a single-stage model: for the time left."""

MACS = {'smallest': 142_152, 'middle': 525_696, 'largest': 2_555_520}
"""Multiply-adds of the backbones of `NETS`."""
