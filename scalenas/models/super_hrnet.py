"""The HRNet-style supernet: one set of weights, any network of a space active."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

from torch import nn
from torch.nn.parameter import Parameter

from scalenas.arch import HRArch
from scalenas.space import HRSpace

from .backbone import as_arch
from .hrnet import AbstractHRNet
from .hrnet_slicing import full_arch, key_map, norm_map, super_names
from .layers import norm_abbreviation
from .parts import Part, Parts
from .start_file import check_start


@final
class SuperScaleHRNet(AbstractHRNet):
    """Every network of `space` in one set of weights; runs the active one, and only that.

    Holds all blocks and all fusions of the deepest network, whatever `space` leaves out: the
    checkpoints of a space and of its sub-spaces have the same keys, those of the released
    ScaleNAS supernets. The largest network is active by default.

    Raises:
        UserError: for a space that is none, or arguments that exclude each other.
    """

    def __init__(
        self,
        space: HRSpace | Mapping[str, Any],
        conv_cfg: Mapping[str, Any] | None = None,
        norm_cfg: Mapping[str, Any] | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        frozen_stages: int = -1,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        if not isinstance(space, HRSpace):
            space = HRSpace.from_dict(dict(space) if isinstance(space, Mapping) else space)
        super().__init__(
            full_arch(space),
            space.largest(),
            True,
            conv_cfg,
            norm_cfg,
            norm_eval,
            with_cp,
            zero_init_residual,
            frozen_stages,
            pretrained,
            init_cfg,
        )
        self.space = space
        self._checked = self.active_arch
        self._norm = norm_abbreviation(norm_cfg or {'type': 'BN'})

    def init_weights(self) -> None:
        """Weights as `init_cfg` says.

        Raises:
            CheckpointError: for a local file that cannot be trusted, or fits nowhere.
        """
        check_start(self, 'init_cfg')
        super().init_weights()

    @property
    def resizes(self) -> bool:
        """False: images are taken at any size."""
        return False

    @contextmanager
    def active(self, arch: HRArch | Mapping[str, Any] | str) -> Iterator[SuperScaleHRNet]:
        """Runs `arch` within the `with`, and what ran before after it.

        Raises:
            SpaceError: when the arch is not in the space; says where it leaves it.
        """
        entering = as_arch(arch, HRArch)
        if entering != self._checked:
            self.space.encode(entering)
            self._checked = entering
        before, self.active_arch = self.active_arch, entering
        try:
            yield self
        finally:
            self.active_arch = before

    def slices(self, arch: HRArch) -> Parts:
        """State-dict key of the static network -> the tensor of the supernet, always whole.

        Raises:
            SpaceError: when the arch is not in the space.
        """
        return {key: Part(held) for key, held in key_map(self.space, arch, self._norm).items()}

    def live_norms(self, arch: HRArch) -> list[tuple[str, nn.Module]]:
        """Name and module of every norm that `arch` runs, in order."""
        return [(name, self.get_submodule(name)) for name in norm_map(arch, self._norm).values()]

    def live_parameters(self, arch: HRArch) -> list[tuple[str, Parameter]]:
        """Name and value of every parameter that `arch` runs."""
        names = [*super_names(arch).values(), *norm_map(arch, self._norm).values()]
        return [
            (f'{name}.{key}', value)
            for name in names
            for key, value in self.get_submodule(name).named_parameters()
        ]
