"""What all backbones share, static networks and supernets; what static ones share."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar, final

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import Arch, find, from_dict, of_family
from scalenas.errors import UserError

from .start_file import check_start

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
            allowed='None together with init_cfg',
            hint="keep init_cfg=dict(type='Pretrained', checkpoint=...)",
        )
    if not isinstance(pretrained, str):
        raise UserError(where='pretrained', got=pretrained, allowed='a path, a URL or None')
    return {'type': 'Pretrained', 'checkpoint': pretrained}


class StaticNet(AbstractBackbone, ABC):
    """A backbone whose first argument is an arch: itself, plain data, a zoo name or a YAML path.

    A subclass says its `arch_type`, builds in `__init__` what `read_arch(arch)` gives, with module
    paths that are those of the layer plan, and gives the feature maps of `arch.features` in
    `forward`.
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
        known = find(options['arch'], f'{where}.arch')
        channels = options.get('in_channels')
        if channels is None:
            return known
        return from_dict({**known.to_dict(), 'in_channels': channels}, where)

    def deploy(self, images: Tensor | None = None, channels_last: bool = True) -> nn.Module:
        """A copy for inference alone, in eval mode, which gives the same feature maps.

        Batch norms are folded into convolutions, parts that nothing reads are left out, and
        where upsampling is nearest each resolution is upsampled once per fusion. Equal but for
        rounding at all sizes of images; where a shape decides how maps are summed, a traced graph
        is for its own sizes.

        Args:
            images: (N, in_channels, H, W), to read the network by; default: random ones.
            channels_last: memory format of the weights, and so of the feature maps.

        Raises:
            UserError: when the copy computes something else; from its `train()`.
        """
        from .folding import deployed_net  # which asks for this module

        return deployed_net(self, images, channels_last)

    def init_weights(self) -> None:
        """Initialize, or load what `init_cfg` asks for.

        Raises:
            CheckpointError: for a local file that cannot be trusted, or fits nowhere.
        """
        check_start(self, 'init_cfg')
        super().init_weights()
