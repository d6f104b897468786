"""The HRNet-style supernet: one set of weights, any network of a space active."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from scalenas.arch import HRArch
from scalenas.space import HRSpace

from .hrnet import AbstractHRNet
from .hrnet_slicing import full_arch, key_map
from .layers import norm_abbreviation
from .parts import Part, Parts
from .supernet import Supernet, as_space


@final
class SuperScaleHRNet(AbstractHRNet, Supernet[HRArch]):
    """Every network of `space` in one set of weights; runs the active one, and only that.

    Holds all blocks and all fusions of the deepest network, whatever `space` leaves out: the
    checkpoints of a space and of its sub-spaces have the same keys, those of the released
    ScaleNAS supernets. The largest network is active by default.

    Raises:
        UserError: for a space that is none, or arguments that exclude each other.
    """

    space: HRSpace

    def __init__(
        self,
        space: HRSpace | Mapping[str, Any] | str,
        conv_cfg: Mapping[str, Any] | None = None,
        norm_cfg: Mapping[str, Any] | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        frozen_stages: int = -1,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        space = as_space(space, HRSpace)
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
        self._norm_cfg = dict(norm_cfg or {'type': 'BN'})
        self._norm = norm_abbreviation(self._norm_cfg)

    def sharing(self) -> dict[str, Any]:
        """Its type, and its norms, whose names `slices` has."""
        return {**super().sharing(), 'norm_cfg': self._norm_cfg}

    def slices(self, arch: HRArch) -> Parts:
        """State-dict key of the static network -> the tensor of the supernet, always whole.

        Raises:
            SpaceError: when the arch is not in the space.
        """
        return {key: Part(held) for key, held in key_map(self.space, arch, self._norm).items()}
