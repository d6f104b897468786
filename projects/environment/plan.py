"""What the environment is made of and where it lives: steps, torch, hash, folder."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import shlex
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

DEFAULT_TORCH = (
    'torch===2.13.0 torchvision===0.28.0'  # three signs: never a local build like 2.13.0+cpu
)
CHOICES = ('SCALENAS_TORCH', 'SCALENAS_TORCH_INDEX', 'SCALENAS_MMCV_CUDA')


@dataclass(frozen=True)
class Step:
    """One pip install of the environment, as written in requirements/environment.toml."""

    name: str
    does: str
    takes: str
    packages: tuple[str, ...]
    options: tuple[str, ...] = ()
    compile: bool = False
    full: bool = False
    imports: tuple[str, ...] = ()

    @property
    def needs_compiler(self) -> bool:
        """True where pip builds something that is not Python alone."""
        return self.full and '--no-binary' in self.options


@dataclass(frozen=True)
class Plan:
    """The steps, the constraints they obey and the folder that they fill.

    `home` is the virtual environment; its log, and the folder of compiled wheels, lie beside it.
    """

    steps: tuple[Step, ...]
    constraints: tuple[Path, ...]
    index: str
    cuda: bool
    home: Path
    wheel_key: str

    @property
    def root(self) -> Path:
        return self.home.parent

    def basic(self) -> Plan:
        """The steps without which nothing works: they compile nothing. The folder is the same."""
        return replace(self, steps=tuple(step for step in self.steps if not step.full))

    @property
    def python(self) -> Path:
        return self.home / 'bin' / 'python'

    @property
    def log(self) -> Path:
        return self.root / f'{self.home.name}.log'

    @property
    def lock(self) -> Path:
        return self.root / 'lock'

    @property
    def users(self) -> Path:
        """Held by commands that run in a basic environment: it is not made full under them."""
        return self.root / f'{self.home.name}.users'

    @property
    def scratch(self) -> Path:
        """Where pip unpacks: not /tmp, often small, which a killed pip would leave full."""
        return self.root / 'scratch'

    @property
    def wheels(self) -> Path:
        return self.root / 'wheels' / self.wheel_key


def read_plan(requirements: Path, variables: Mapping[str, str] = os.environ) -> Plan:
    """Read the steps and settle every choice that a variable can make."""
    torch = variables.get('SCALENAS_TORCH') or DEFAULT_TORCH
    text = (requirements / 'environment.toml').read_text()
    steps = tuple(_step(entry, shlex.split(torch)) for entry in tomllib.loads(text)['step'])
    constraints = [requirements / 'constraints.txt']
    if torch == DEFAULT_TORCH:
        constraints.append(requirements / 'constraints-torch.txt')
    return Plan(
        steps=steps,
        constraints=tuple(constraints),
        index=variables.get('SCALENAS_TORCH_INDEX', ''),
        cuda=variables.get('SCALENAS_MMCV_CUDA', '') not in ('', '0'),
        home=environments(variables) / _environment_key(requirements, variables),
        wheel_key=_wheel_key(steps, constraints, variables),
    )


def environments(variables: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds the environments, one per hash; never inside a work tree."""
    if variables.get('SCALENAS_ENV_HOME'):
        return Path(variables['SCALENAS_ENV_HOME']).expanduser().absolute()
    if variables.get('XDG_CACHE_HOME'):
        return Path(variables['XDG_CACHE_HOME']).absolute() / 'scalenas' / 'envs'
    return Path('~').expanduser() / '.cache' / 'scalenas' / 'envs'


def _step(entry: dict[str, Any], torch: list[str]) -> Step:
    lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
    named = [torch if name == '$SCALENAS_TORCH' else [name] for name in lists['packages']]
    lists['packages'] = tuple(itertools.chain.from_iterable(named))
    return Step(**{**entry, **lists})


def _environment_key(requirements: Path, variables: Mapping[str, str]) -> str:
    """Same requirements, torch, Python and platform: same environment, for all clones."""
    files = {path.name: path.read_text() for path in requirements.iterdir() if path.is_file()}
    return _digest(files, _choices(variables), _machine())


def _wheel_key(steps: tuple[Step, ...], pins: list[Path], variables: Mapping[str, str]) -> str:
    """A compiled wheel fits one torch, one set of build tools and one version of itself."""
    compiled = [step for step in steps if step.compile]
    named = {'torch', 'setuptools', *(name for step in compiled for name in step.packages)}
    lines = [line for path in pins for line in path.read_text().splitlines()]
    fixed = sorted(line for line in lines if line.split('=')[0] in named)
    steps_of_it = [[*step.packages, *step.options] for step in compiled]
    return _digest(fixed, steps_of_it, _choices(variables), _machine())


def _choices(variables: Mapping[str, str]) -> list[str]:
    return [variables.get(name, '') for name in CHOICES]


def _machine() -> list[str]:
    return [sys.implementation.cache_tag or '', sys.platform, platform.machine()]


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
