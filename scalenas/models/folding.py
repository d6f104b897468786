"""The deployed form of a network: for inference alone, its norms inside of its convolutions."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode

from scalenas.errors import UserError
from scalenas.family import with_field
from scalenas.registry import MODELS

from .supernet import is_supernet

Run = Callable[[nn.Module], Any]
"""Runs a model; gives tensors, in nested lists, tuples and mappings."""

CLOSE = 1e-3
"""Largest relative difference that rounding in float32 makes in the deepest networks: beyond it,
the deployed form computes something else."""

SIDE = 64
"""Of the images by which a network of any size is read."""


class FoldedNorm(nn.Identity):
    """Stands where a norm was, which its convolution has taken in."""

    def train(self, mode: bool = True) -> Self:
        """Only into eval mode.

        Raises:
            UserError: for training mode.
        """
        if mode:
            raise UserError(
                'a deployed net cannot be trained: its norms are folded into its convolutions',
                where='train()',
                hint='train the plain net, then deploy it',
            )
        return super().train(mode)


@torch.no_grad()
def deployed_by(
    model: nn.Module,
    run: Run,
    channels_last: bool = True,
    check: bool = True,
    rearrange: Callable[[nn.Module], None] | None = None,
) -> nn.Module:
    """A copy of `model` for inference alone, which computes the same; see `StaticNet.deploy`.

    Args:
        run: shows what the model computes. What does not run here stays as it is.
        check: compare what both give to `run`.
        rearrange: changes the copy in place when its norms are folded.

    Raises:
        UserError: for a supernet, or where the copy computes something else.
    """
    copied = copy.deepcopy(model)
    copied.eval()  # of its own statement: HRNet's in the OpenMMLab packages gives None
    wanted = tensors_in(run(copied)) if check else []
    root = nn.ModuleDict({'net': copied})
    for parent, name, module in _children(root):
        better = _for_inference(module)
        if better is not None:
            parent._modules[name] = better.eval()
    net = root['net']
    fold_norms(net, run)
    if rearrange is not None:
        rearrange(net)
    net.requires_grad_(False)
    if channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in net.modules():
            if needs_contiguous(module):
                module.register_forward_pre_hook(_contiguous)
    if check:
        _check_same(tensors_in(run(net)), wanted, type(model).__name__)
    return net


def deployed_net(
    net: nn.Module, images: Tensor | None = None, channels_last: bool = True, check: bool = True
) -> nn.Module:
    """`deployed_by`, of a network that takes images alone; by default random ones."""
    images = example(net) if images is None else images
    return deployed_by(net, lambda module: module(images), channels_last, check)


@MODELS.register_module(name='Deployed')
def build_deployed(
    net: Mapping[str, Any], channels_last: bool = False, init_cfg: Any = None
) -> nn.Module:
    """A backbone in its deployed form, for weights in that form: `type='scalenas.Deployed'`.

    Args:
        net: the plain backbone, as configs describe it.
        channels_last: not for models with operators of mmcv, such as RoIAlign; see
            `needs_contiguous`.
        init_cfg: where weights in the deployed form come from.
    """
    deployed: Any = deployed_net(MODELS.build(dict(net)), None, channels_last, check=False)
    deployed.init_cfg = init_cfg
    return deployed  # type: ignore[no-any-return]


def example(model: nn.Module) -> Tensor:
    """One random image of a size and with the channels that the model takes."""
    archs = (getattr(module, 'arch', None) for module in model.modules())
    sizes = (getattr(arch, 'size', None) for arch in archs if arch is not None)
    size = next((size for size in sizes if size is not None), (SIDE, SIDE))
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None:
        raise UserError(where=type(model).__name__, got='no nn.Conv2d', allowed='a network of such')
    weight = first.weight
    image = torch.randn((1, first.in_channels, *size), generator=torch.Generator().manual_seed(0))
    return image.to(weight.device, weight.dtype)


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in nested lists, tuples and mappings."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value
    nested = isinstance(value, Mapping | list | tuple)
    return [tensor for part in parts for tensor in tensors_in(part)] if nested else []


def fold_norms(model: nn.Module, run: Run) -> list[str]:
    """Folds batch norms in eval mode into convolutions, in place; paths of the norms that are gone.

    A norm is folded where, in all of `run`, it reads one convolution's results alone, and nothing
    else reads these. That is seen in what runs: modules may have any names and be called in any
    order. Other norms stay.
    """
    seen = _Readers(model)
    with seen:
        outputs = tensors_in(run(model))
    gone = dict(seen.pairs(outputs))
    for norm, conv in gone.items():
        _fold(conv, norm)
    paths = []
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if module in gone:
            parent, _, name = path.rpartition('.')
            model.get_submodule(parent)._modules[name] = FoldedNorm()
            paths.append(path)
    return paths


class _Readers(TorchFunctionMode):
    """What reads the results of convolutions, while a model runs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        owners: dict[int, list[Any]] = defaultdict(list)
        norms = []
        for module in model.modules():
            weight = module._parameters.get('weight')
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and weight is not None:
                owners[id(weight)].append(module)
            elif isinstance(module, _BatchNorm) and module.running_mean is not None:
                norms.append(module)
        # Convolutions that share a weight would all change with it.
        self._convs = {key: shared[0] for key, shared in owners.items() if len(shared) == 1}
        self._norms = {id(norm.running_mean): norm for norm in norms}
        self._made: dict[int, tuple[Tensor, nn.Module]] = {}  # tensors are kept: ids stay theirs
        self._reads: dict[int, int] = defaultdict(int)
        self._read_by: dict[nn.Module, list[Tensor]] = defaultdict(list)

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not tensors_in(result):
            return result  # a shape or a flag, not a computation
        given = tensors_in([*args, *kwargs.values()])
        for tensor in given:
            self._count(tensor)
        norm = next((self._norms[id(t)] for t in given if id(t) in self._norms), None)
        if norm is not None:
            self._read_by[norm].append(given[0])
        # By its own weight: one that standardizes its weights first takes in no factor.
        if func in (torch.conv2d, torch.conv_transpose2d) and id(given[1]) in self._convs:
            self._made[id(result)] = result, self._convs[id(given[1])]
        return result

    def _count(self, tensor: Tensor) -> None:
        if id(tensor) in self._made:
            self._reads[id(tensor)] += 1

    def pairs(self, outputs: Sequence[Tensor]) -> Iterator[tuple[Any, Any]]:
        """Norm and convolution, of all that can be folded."""
        for tensor in outputs:
            self._count(tensor)
        made_by: dict[nn.Module, set[int]] = defaultdict(set)
        for key, (_, maker) in self._made.items():
            made_by[maker].add(key)
        for norm, tensors in self._read_by.items():
            keys = {id(tensor) for tensor in tensors}
            convs = {self._made[key][1] if key in self._made else None for key in keys}
            conv = next(iter(convs))
            if len(convs) > 1 or conv is None or made_by[conv] != keys:
                continue
            grouped = isinstance(conv, nn.ConvTranspose2d) and conv.groups > 1
            if all(self._reads[key] == 1 for key in keys) and not grouped:
                yield norm, conv


def _fold(conv: Any, norm: Any) -> None:
    """In float64, whatever the network computes in: only the result is rounded."""

    def double(tensor: Any) -> Any:
        return None if tensor is None else tensor.detach().double()

    weight, bias = fuse_conv_bn_weights(
        double(conv.weight),
        double(conv.bias),
        double(norm.running_mean),
        double(norm.running_var),
        norm.eps,
        double(norm.weight),
        double(norm.bias),
        isinstance(conv, nn.ConvTranspose2d),
    )
    for name, tensor in (('weight', weight), ('bias', bias)):
        value = tensor.detach().to(conv.weight.dtype)
        conv.register_parameter(name, nn.Parameter(value, requires_grad=False))


def _children(root: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Parent, name and module of all below `root`; nothing below one that is exchanged."""
    for name, module in list(root.named_children()):
        yield root, name, module
        if root._modules[name] is module:
            yield from _children(module)


def _for_inference(module: nn.Module) -> nn.Module | None:
    """What a family makes of one of its networks; None of all other modules."""
    if is_supernet(module):
        raise UserError(
            'a supernet has no deployed form',
            where=type(module).__name__,
            hint='export one of its nets',
        )
    for family in with_field('for_inference'):
        better: nn.Module | None = family.for_inference(module)
        if better is not None:
            return better
    return None


def needs_contiguous(module: nn.Module) -> bool:
    """True for mmcv's operators: they read memory as if it were so, whatever the strides say."""
    return type(module).__module__.startswith('mmcv.ops.')


def _contiguous(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a.contiguous() if isinstance(a, Tensor) else a for a in args)


def _check_same(got: list[Tensor], wanted: list[Tensor], where: str) -> None:
    apart = float('inf')
    if wanted and [t.shape for t in got] == [t.shape for t in wanted]:
        scale = max(float(t.abs().max()) for t in wanted)
        apart = max(float((a - b).abs().max()) for a, b in zip(got, wanted, strict=True))
        apart = apart / scale if scale else apart
    if not apart <= CLOSE:
        raise UserError(
            'the deployed form computes something else: largest relative difference',
            where=where,
            got=apart,
            allowed=f'at most {CLOSE:g}',
        )
