"""What is timed: the deployed backbone of an arch, or a whole model that was exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import MODELS as ALL_MODELS
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import Arch, Size, find
from scalenas.config import read_config
from scalenas.errors import UserError, foreign
from scalenas.latency import deployed_arch
from scalenas.latency.cache import digest
from scalenas.models import backbone_type
from scalenas.models.checkpoint import check_weights, load_checkpoint
from scalenas.models.folding import deployed_net
from scalenas.paths import file_digest
from scalenas.registry import MODELS

from .form import deployed
from .graph import flat, taken


@dataclass(frozen=True)
class Subject:
    """A network to be timed.

    Attributes:
        name: in tables.
        key: what its times depend on, but for the setting.
        make: `make(size)` builds it: a module in eval mode, from images to output maps.
        channels: of its images.
    """

    name: str
    key: dict[str, Any]
    make: Callable[[Size], nn.Module]
    channels: int = 3
    arch: Any = None


def subject(what: str) -> Subject:
    """The network of a zoo name, an arch in YAML, an ONNX file, or an export: NAME.py and NAME.pth.

    Of an arch it is the backbone with random weights; of an export the whole model, from
    normalized images to raw outputs.

    Raises:
        UserError: when there is no such network.
    """
    if Path(what).suffix == '.onnx':
        file = Path(what)
        return Subject(file.name, {'onnx': file_digest(file)}, lambda size: GraphFile(file))
    if Path(what).suffix in ('.py', '.pth'):
        config, weights = Path(what).with_suffix('.py'), Path(what).with_suffix('.pth')
        key = {'model': [file_digest(config), file_digest(weights)], 'form': 'deployed'}
        return Subject(config.stem, key, lambda size: exported_model(config, weights, size))
    arch = find(what)
    return of_arch(Path(what).stem if what.endswith(('.yaml', '.yml')) else what, arch)


class GraphFile(nn.Module):
    """A graph in ONNX, which only a runtime can run."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


def of_arch(name: str, arch: Any) -> Subject:
    """The deployed backbone of an arch, with random weights."""
    key = {'arch': digest(deployed_arch(arch).to_dict()), 'form': 'deployed'}
    return Subject(name, key, lambda size: deployed_backbone(arch, size), arch.in_channels, arch)


def backbone(arch: Arch, size: Size) -> nn.Module:
    """The static net of an arch in eval mode: random weights, norms with statistics of images.

    Zeros would let a GPU run faster than it does, and maps that vanish are slow on a CPU.
    """
    # Random numbers for weights and images, and nobody else's.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # the GPUs' stay as they are
        net: nn.Module = MODELS.build({'type': backbone_type(arch), 'arch': arch.to_dict()})
        # Small maps have few positions to take a variance of.
        count = min(16, max(2, 2**17 // (size[0] * size[1])))
        images = torch.randn(count, in_channels(arch), *size)
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = 1.0
    with torch.no_grad():
        net.train()
        net(images)
    return net.eval()


def deployed_backbone(arch: Arch, size: Size) -> nn.Module:
    """The same as it is deployed."""
    net = backbone(deployed_arch(arch), size)
    # With weights that nobody trained, rounding may be much; what it computes does not matter.
    return deployed_net(net, torch.zeros(1, in_channels(arch), *size), False, check=False)


class Raw(nn.Module):
    """A task model from normalized images to raw outputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """image: (N, C, H, W) -> raw outputs."""
        return tuple(flat(self.model(image, None, mode='tensor')))


def exported_model(config: Path, weights: Path, size: Size) -> nn.Module:
    """The model of an exported config with its weights, as it is deployed.

    Raises:
        UserError: where one of them cannot be read, they do not fit each other, or the model does
            not take images of this size.
    """
    cfg = read_config(str(config), needs=('model',))
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        try:
            model = ALL_MODELS.build(cfg.model)
        except UserError:
            raise
        except Exception as error:  # anybody's code
            raise UserError(foreign(error), where=f'{config}: model') from error
    state = load_checkpoint(weights)['state_dict']
    check_weights(model.state_dict(), state, weights)
    model.load_state_dict(state)
    net = Raw(deployed(model, channels_last=False)).eval()
    with torch.no_grad(), taken(size):
        net(torch.zeros(1, 3, *size))
    return net


def in_channels(arch: Any) -> int:
    """Channels of the images that a network takes."""
    return int(arch.in_channels)


def own_size(arch: Arch | None, size: Size | None, name: str = 'the network') -> Size:
    """The size given, or else that of the network.

    Raises:
        UserError: where neither is there.
    """
    own = size or (None if arch is None else arch.size)
    if own is None:
        raise UserError(f'{name} has no size of its own', where='--size', hint='give --size H W')
    return own
