"""A runtime: what executes a network on a device. One adapter for each, found by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from scalenas.errors import UserError

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Session(ABC):
    """A network as its runtime holds it, ready to be called: images -> output maps.

    Attributes:
        runtime: name and version of the runtime, e.g. 'onnxruntime 1.31.1'.
        precision: of its arithmetic, e.g. 'fp32'.
        device: e.g. 'cpu'.
        threads: of one operator on a CPU.
    """

    runtime: str
    precision: str
    device: str
    threads: int

    @abstractmethod
    def __call__(self, images: Images) -> list[NDArray[np.floating]]:
        """images: (N, C, H, W), normalized -> output maps; the call ends when they are there."""


class Runtime(ABC):
    """An adapter: makes a `Session` of a network.

    A network is a module in eval mode, from one tensor (N, C, H, W) to a tensor or a tuple of
    them, which is traced for images of one size.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions that pip must have installed; the first one's version is the runtime's."""
    precisions: ClassVar[tuple[str, ...]] = ('fp32',)
    """What it can be asked for; the first is the default."""
    devices: ClassVar[tuple[str, ...]] = ('cpu',)

    def version(self) -> str | None:
        """Version of what is installed; None where a package is missing."""
        try:
            versions = [version(name) for name in self.packages]
        except PackageNotFoundError:
            return None
        return versions[0]

    def load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str | None = None,
        device: str = 'cpu',
        threads: int = 1,
    ) -> Session:
        """`net` for images of the shape of `images`.

        Raises:
            UserError: where a package is missing, for a precision or device that the runtime has
                not, or an operator of the network that it lacks.
        """
        if self.version() is None:
            raise UserError(
                f'needs {" and ".join(self.packages)}',
                where=f'runtime {self.name}',
                hint=f'pip install {" ".join(self.packages)}',
            )
        precision = precision or self.precisions[0]
        for what, got, allowed in (
            ('precision', precision, self.precisions),
            ('device', device.partition(':')[0], self.devices),
        ):
            if got not in allowed:
                raise UserError(where=f'{what} of runtime {self.name}', got=got, allowed=allowed)
        return self._load(net, images, precision, device, threads)

    @abstractmethod
    def _load(
        self, net: nn.Module, images: Tensor, precision: str, device: str, threads: int
    ) -> Session: ...


RUNTIMES: dict[str, Runtime] = {}
"""Name -> adapter, of all that are known, installed or not."""


def register_runtime(kind: type[Runtime]) -> type[Runtime]:
    """Makes a runtime known by its name: a decorator of its class."""
    RUNTIMES[kind.name] = kind()
    return kind


def runtime(name: str) -> Runtime:
    """The adapter called `name`.

    Raises:
        UserError: for a name that is not known.
    """
    if name not in RUNTIMES:
        raise UserError(where='runtime', got=name, allowed=RUNTIMES)
    return RUNTIMES[name]
