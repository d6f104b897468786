"""What every static net promises: the backbone of one arch, named in any of the usual ways."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar

from scalenas.arch import Arch, find, from_dict

from .backbone import AbstractBackbone, as_arch
from .start_file import check_start


class StaticNet(AbstractBackbone, ABC):
    """A backbone whose first argument is an arch: itself, plain data, a zoo name or a YAML path.

    A subclass says its `arch_type`, builds in `__init__` what `read_arch(arch)` gives, with module
    paths that are those of the layer plan, and gives the maps of `arch.features` in `forward`.
    """

    arch_type: ClassVar[type[Any]]

    @classmethod
    def read_arch(cls, arch: Any) -> Any:
        """The arch, of `arch_type`.

        Raises:
            ArchError: when it is none, or of another family.
        """
        return as_arch(arch, cls.arch_type)

    @classmethod
    def arch_of(cls, options: Mapping[str, Any], where: str) -> Arch:
        """The arch that arguments of this backbone describe, without building it.

        Raises:
            ArchError: when they describe none.
        """
        found = find(options['arch'], f'{where}.arch')
        channels = options.get('in_channels')
        if channels is None:
            return found
        return from_dict({**found.to_dict(), 'in_channels': channels}, where)

    def init_weights(self) -> None:
        """Initialize, or load what `init_cfg` asks for.

        Raises:
            CheckpointError: for a local file that cannot be trusted, or fits nowhere.
        """
        check_start(self, 'init_cfg')
        super().init_weights()
