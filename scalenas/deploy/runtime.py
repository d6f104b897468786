"""A runtime: what executes a network on a device. One adapter for each, found by its name."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scalenas.errors import UserError

Images = NDArray[np.float32]
"""(N, C, H, W), normalized."""

Maps = list[NDArray[np.floating]]
"""What a network gives, in its order."""


@dataclass(frozen=True)
class Session(ABC):
    """A network as its runtime holds it, ready to be called: images -> output maps.

    It is independent of the module that it was made of, which stays as it was.

    Attributes:
        runtime: name and version of the runtime, e.g. 'onnxruntime 1.31.1'.
        precision: of its arithmetic, e.g. 'fp32'.
        device: e.g. 'cpu'.
        threads: of one operator on a CPU.
        shape: of the images that it takes, (N, C, H, W).
    """

    runtime: str
    precision: str
    device: str
    threads: int
    shape: tuple[int, ...]

    def __call__(self, images: Images) -> Maps:
        """images: (N, C, H, W), normalized -> output maps; the call ends when they are there.

        Raises:
            UserError: for images of another shape or type.
        """
        if images.shape != self.shape or images.dtype != np.float32:
            raise UserError(
                where=f'images for {self.runtime}',
                got=f'{images.dtype} {images.shape}',
                allowed=f'float32 {self.shape}, for which the network was loaded',
            )
        return self._run(images)

    @abstractmethod
    def _run(self, images: Images) -> Maps:
        """As the call, of images that fit; they must not be changed."""


class Runtime(ABC):
    """An adapter: makes a `Session` of a network.

    A network is a module in eval mode, from one tensor (N, C, H, W) to a tensor or a tuple of
    them, which is traced for images of one size.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    """What must be importable; the version of the first is the runtime's."""
    precisions: ClassVar[tuple[str, ...]] = ('fp32',)
    """What it can be asked for; the first is the default."""
    devices: ClassVar[tuple[str, ...]] = ('cpu',)

    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.packages if find_spec(name) is None]

    def lacking(self, precision: str) -> str:
        """What this machine lacks for a precision of the runtime; '' where it computes in it."""
        return ''

    def version(self) -> str | None:
        """Version of what is installed; None where a package is missing."""
        if self.missing():
            return None
        name = self.packages[0]
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:  # another distribution brings it, as for a GPU
            return metadata.version(metadata.packages_distributions()[name][0])

    def load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str | None = None,
        device: str = 'cpu',
        threads: int = 1,
        calibration: Sequence[Tensor] = (),
    ) -> Session:
        """`net` for images of the shape of `images`.

        Args:
            net: on the CPU; neither moved nor changed.
            precision: one of `precisions`, by default the first.
            device: one of `devices`; 'cuda:1' is the second GPU.
            threads: of one operator on a CPU.
            calibration: batches of that shape, whose ranges int8 is quantized by.

        Raises:
            UserError: where a package is missing, for a precision or device that the runtime does
                not have, for int8 without calibration images, or for an operator that it lacks.
        """
        precision = self.check(precision, device)
        if precision == 'int8' and not calibration:
            raise UserError(
                'int8 needs calibration images, by whose ranges it is quantized',
                where=f'runtime {self.name}',
            )
        return self._load(net, images, precision, device, threads, calibration)

    def load_file(
        self, path: Path, shape: tuple[int, ...], device: str = 'cpu', threads: int = 1
    ) -> Session:
        """A graph in ONNX as somebody wrote it, for images of `shape`, (N, C, H, W).

        Raises:
            UserError: where a package is missing, or the runtime does not take this graph.
        """
        self.check(None, device)
        return self._load_file(path, shape, device, threads)

    def _load_file(self, path: Path, shape: tuple[int, ...], device: str, threads: int) -> Session:
        raise UserError(
            f'runtime {self.name} makes its own of a network, and takes no ONNX file',
            where=path,
            hint='time it in onnxruntime or openvino',
        )

    def check(self, precision: str | None, device: str) -> str:
        """The precision itself, or the default one, if it can be asked for on a device.

        Raises:
            UserError: where a package is missing, for a precision or device that the runtime does
                not have, or a GPU that torch does not see.
        """
        if missing := self.missing():
            raise UserError(
                f'needs {" and ".join(missing)}',
                where=f'runtime {self.name}',
                hint=f'pip install {" ".join(missing)}',
            )
        precision = precision or self.precisions[0]
        if precision not in self.precisions:
            where = f'precision of runtime {self.name}'
            raise UserError(where=where, got=precision, allowed=self.precisions)
        where, parts = f'device of runtime {self.name}', DEVICE.fullmatch(str(device))
        if parts is None or (parts[1] or parts[2]) not in self.devices:
            raise UserError(where=where, got=device, allowed=self.devices)
        if parts[2]:
            count = torch.cuda.device_count() if torch.cuda.is_available() else 0
            if int(parts[3] or 0) >= count:
                raise UserError(f'torch sees {count} GPUs on this machine', where=where, got=device)
        return precision

    @abstractmethod
    def _load(
        self,
        net: nn.Module,
        images: Tensor,
        precision: str,
        device: str,
        threads: int,
        calibration: Sequence[Tensor],
    ) -> Session: ...


DEVICE = re.compile('(cpu)|(cuda)(?::([0-9]{1,3}))?')

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
