"""What all backbones share: how weights start, what stays frozen, and how an arch is named."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar, final

from mmengine.model import BaseModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import Arch, find, of_family
from scalenas.errors import UserError

A = TypeVar('A', bound=Arch)

DEFAULT_INIT: tuple[dict[str, Any], ...] = (
    {'type': 'Kaiming', 'layer': 'Conv2d'},
    {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
)
"""What HRNet, EfficientNet and RegNet in mmseg, mmdet and mmpretrain start from."""


class AbstractBackbone(BaseModule, ABC):
    """A backbone with frozen parts; subclasses call `_freeze` once their modules are there."""

    default_init: ClassVar[Sequence[dict[str, Any]]] = DEFAULT_INIT

    def __init__(self, norm_eval: bool, pretrained: str | None, init_cfg: Any) -> None:
        super().__init__(_init_cfg(pretrained, init_cfg, self.default_init))
        self.norm_eval = norm_eval

    def _frozen(self) -> Iterable[nn.Module]:
        """The modules that `frozen_stages` names; none where a family has no such option."""
        return ()

    @final
    def train(self, mode: bool = True) -> Self:
        """Training mode for all but frozen stages and, with `norm_eval`, batch norms."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    @final
    def _freeze(self) -> None:
        for module in self._frozen():
            module.eval()
            module.requires_grad_(False)


def as_arch(arch: A | Mapping[str, Any] | str, family: type[A]) -> A:
    """An arch of this family from itself, plain data, a zoo name or the path of a YAML file.

    Raises:
        ArchError: when it is none, or of another family.
    """
    return of_family(find(arch), family, arch if isinstance(arch, str) else 'arch')


def is_pretrained(init_cfg: Any) -> bool:
    """True for an `init_cfg` that loads weights: they are not to be changed after."""
    return isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained'


def _init_cfg(pretrained: str | None, init_cfg: Any, default: Sequence[dict[str, Any]]) -> Any:
    if pretrained is None:
        return list(map(dict, default)) if init_cfg is None else init_cfg
    if init_cfg:
        raise UserError(
            where='pretrained',
            got=pretrained,
            allowed='None beside init_cfg',
            hint="keep init_cfg=dict(type='Pretrained', checkpoint=...)",
        )
    if not isinstance(pretrained, str):
        raise UserError(where='pretrained', got=pretrained, allowed='a path, a URL or None')
    return {'type': 'Pretrained', 'checkpoint': pretrained}
