"""HRNets that other packages trained, read off their weights: which network, and where it lies.

mmseg, mmpose, mmdet, mmpretrain and timm name the backbone's weights as the authors of HRNet did.
What names and shapes cannot tell is how fusions enlarge a coarse map: mmseg's bilinearly, all
others' by the nearest neighbour. The space says which.

Source: HRNet (Wang et al. 2019), figure 1 and the released code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from scalenas.arch import HRArch, HRModule, HRStage
from scalenas.errors import CheckpointError, ConfigError
from scalenas.space import HRSpace

from .growth import Adopted, StockNet
from .hrnet_extra import STAGE_KEYS, resolve_arch, single_scale, upsample_mode
from .super_hrnet import own_keys

T = TypeVar('T')
MARK = 'stage2.0.branches.0.0.conv1.weight'
"""A weight that every HRNet has: what stands before it is the prefix of the backbone."""

CLASSIFIER = ('incre_modules.', 'downsamp_modules.', 'final_layer.', 'classifier.')
"""What timm and the authors put behind the backbone, under the same prefix, to classify images."""

_BLOCK = re.compile(r'stage(\d+)\.(\d+)\.branches\.(\d+)\.(\d+)\.conv1\.weight')
_WIDTH = re.compile(r'w(\d+)')
_FUSION = re.compile(r'stage(\d+)\.(\d+)\.(fuse_layers(?:_(\d+))?)\.(\d+)\.(\d+)\.')


def stock_net(state: Mapping[str, Tensor], space: HRSpace, where: Path | str) -> StockNet:
    """The HRNet that a state dict holds, as a network of the space.

    Raises:
        CheckpointError: where none is to be seen.
    """
    marks = [key.removesuffix(MARK) for key in state if key.endswith(MARK)]
    if not marks:
        raise CheckpointError(
            'no weights of an HRNet',
            where=where,
            allowed=f'a state dict with PREFIX{MARK}, as those of OpenMMLab and timm',
        )
    # A detector or a model with averaged weights may hold several: the shortest is the model's.
    prefix = min(marks, key=len)
    held = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    template = space.smallest()
    arch = arch_of_weights(held, where).with_(upsample=template.upsample)
    if template.output == 'single':
        arch = single_scale(arch)
    elif arch.output == 'single':
        arch = arch.with_(output='multi')
    keys = own_keys(arch)
    unread = tuple(k for k in held if k not in keys and prefix) + tuple(
        k for k in held if k not in keys and not prefix and k.startswith(CLASSIFIER)
    )
    backbone = {key: held[key] for key in keys if key in held}
    lost = {f'{prefix}{key}' for key in (*backbone, *unread)}
    rest = {key: value for key, value in state.items() if key not in lost}
    return StockNet(arch, backbone, rest, unread)


def stock_space(model: nn.Module, depth: Sequence[int] | None, where: str) -> HRSpace | None:
    """A space around the HRNet in `model`; None where there is none.

    By default branches have two blocks less than its deepest one, to one more: ScaleNAS's 2 to 5
    around the 4 of HRNet. Modules of the class `nn.Upsample` say how fusions enlarge a map; mmseg's
    HRNet has none, and does so bilinearly.

    Raises:
        UserError: for depths without those of the network.
    """
    state = model.state_dict()
    marks = [key.removesuffix(MARK) for key in state if key.endswith(MARK)]
    if not marks:
        return None
    prefix = min(marks, key=len)
    backbone = model.get_submodule(prefix.removesuffix('.')) if prefix else model
    modes = {part.mode for part in backbone.modules() if isinstance(part, nn.Upsample)}
    upsample = getattr(getattr(backbone, 'arch', None), 'upsample', None)
    if upsample is None:
        upsample = upsample_mode(modes.pop() if len(modes) == 1 else 'bilinear', where)
    arch = arch_of_weights({k.removeprefix(prefix): v for k, v in state.items()}, where)
    return HRSpace.from_dict(_around(arch.with_(upsample=upsample), depth))


def _around(arch: HRArch, depth: Sequence[int] | None = None) -> dict[str, Any]:
    """Plain data of a space around a network, with those depths or some about its own."""
    depths = {d for stage in arch.stages for module in stage.modules for d in module.depths}
    lowest = min(*depths, max(1, max(depths) - 2))
    shares = {
        inner / c
        for stage in arch.stages
        for module in stage.modules
        for inner, c in zip(module.inner, stage.channels, strict=False)
    }
    return {
        **({'inner_widths': (*sorted(shares | {1.0}),)} if shares else {}),
        'family': 'hrnet',
        'width': arch.stages[0].channels[0],
        'num_modules': tuple(len(stage.modules) for stage in arch.stages),
        'depth': tuple(range(lowest, max(depths) + 2) if depth is None else depth),
        'stem': arch.stem,
        'stage1_blocks': arch.stage1_blocks,
        'stage1_channels': arch.stage1_channels,
        'in_channels': arch.in_channels,
        'upsample': arch.upsample,
        'output': arch.output,
    }


def adopted(
    backbone: Mapping[str, Any], options: Mapping[str, Any], single: bool, width: int | None
) -> Adopted | None:
    """A supernet around an `HRNet` of OpenMMLab's; or with a width around HRNet of that width.

    Raises:
        UserError: for an `extra` that no HRNet has, and for a width given with an HRNet.
    """
    upsample = upsample_mode(options.get('upsample', 'nearest'), 'upsample')
    own = str(backbone.get('type')).split('.')[-1] == 'HRNet'
    if own and width is not None:
        raise ConfigError(
            'the backbone is an HRNet already', where='--width', got=width, hint='leave it out'
        )
    if not own and width is None:
        return None
    named = _WIDTH.fullmatch(str(backbone.get('arch', '')))
    extra = backbone.get('extra') or backbone.get('arch') if own else None
    if width is not None or named is not None:
        extra = _extra(int(named[1]) if named is not None else width or 0)
    if not isinstance(extra, Mapping):
        raise ConfigError(where='model.backbone.extra', got=extra, allowed='the stages of an HRNet')
    last = {**extra['stage4'], 'multiscale_output': not single} if 'stage4' in extra else {}
    # mmpose's HRNet reads it there, as its configs of faces and hands have it.
    upsample = upsample_mode(extra.get('upsample', upsample), 'extra.upsample')
    told = {**extra, **({'stage4': last} if last else {}), 'upsample': upsample}
    arch = resolve_arch(None, told, backbone.get('in_channels', 3) if own else 3, None, None)
    given = {key: backbone[key] for key in ('norm_cfg', 'with_cp') if own and backbone.get(key)}
    net = {'type': 'scalenas.SuperScaleHRNet', **given}
    return Adopted(arch, net, _around(arch), {'type': 'grouped', 'seed': 0})


def _extra(width: int) -> dict[str, Any]:
    """HRNet's own stages, of any width."""
    stages = {'stage1': _stage(1, 'BOTTLENECK', (64,))}
    for branches, modules in ((2, 1), (3, 4), (4, 3)):
        channels = tuple(width * 2**i for i in range(branches))
        stages[f'stage{branches}'] = _stage(modules, 'BASIC', channels)
    return stages


def _stage(modules: int, block: str, channels: tuple[int, ...]) -> dict[str, Any]:
    count = len(channels)
    return dict(zip(STAGE_KEYS, (modules, count, block, (4,) * count, channels), strict=True))


def arch_of_weights(state: Mapping[str, Tensor], where: Path | str) -> HRArch:
    """The arch of a backbone's state dict; it says 'nearest', for weights do not tell.

    The output is 'single' where the last module adds nothing to its coarser branches.

    Raises:
        CheckpointError: for names that no HRNet has.
        ArchError: for parts that do not make a network.
    """
    depths: dict[tuple[int, int], dict[int, int]] = {}
    fusions: dict[tuple[int, int], dict[int, dict[int, set[int]]]] = {}
    for key in state:
        if hit := _BLOCK.fullmatch(key):
            s, m, i, t = map(int, hit.groups())
            of_module = depths.setdefault((s, m), {})
            of_module[i] = max(of_module.get(i, 0), t + 1)
    for key in state:
        if hit := _FUSION.match(key):
            s, m, i, k = (int(hit[n]) for n in (1, 2, 5, 6))
            if (s, m) not in depths:
                raise _unknown(key, where)
            last = max(depths[s, m].values())
            step = int(hit[4]) - 1 if hit[4] else last - 1
            fusions.setdefault((s, m), {}).setdefault(step, {}).setdefault(i, set()).add(k)
    stages = []
    for s in range(2, 2 + _count(s for s, _ in depths)):
        modules = []
        for m in range(_count((m for n, m in depths if n == s), 0)):
            blocks = depths.get((s, m), {})
            if sorted(blocks) != list(range(s)):
                raise _unknown(f'stage{s}.{m}', where)
            at = fusions.get((s, m), {})
            rows = tuple(
                tuple(tuple(sorted(at.get(t, {}).get(i, ()))) for i in range(s))
                for t in range(max(blocks.values()))
            )
            inner = tuple(
                len(_weight(state, f'stage{s}.{m}.branches.{i}.0.conv1.weight', where))
                for i in range(s)
            )
            modules.append(HRModule(tuple(blocks[i] for i in range(s)), rows, inner))
        channels = tuple(
            len(_weight(state, f'stage{s}.0.branches.{i}.0.conv2.weight', where)) for i in range(s)
        )
        stages.append(HRStage(channels, tuple(modules)))
    stem = _weight(state, 'conv1.weight', where)
    first = _weight(state, 'layer1.0.conv1.weight', where)
    last_rows = stages[-1].modules[-1].fusions[-1]
    return HRArch(
        tuple(stages),
        stem=stem.shape[0],
        in_channels=stem.shape[1],
        stage1_blocks=_count(int(k.split('.')[1]) for k in state if k.startswith('layer1.')),
        stage1_channels=first.shape[0],
        output='multi' if any(last_rows[1:]) else 'single',
    )


def _count(numbers: Iterable[int], first: int | None = None) -> int:
    seen = set(numbers)
    return len(seen) if first is None else (max(seen) + 1 if seen else 0)


def _weight(state: Mapping[str, Tensor], key: str, where: Path | str) -> Tensor:
    if key not in state:
        raise CheckpointError('an HRNet has this weight', where=where, got=None, allowed=key)
    return state[key]


def _unknown(key: str, where: Path | str) -> CheckpointError:
    return CheckpointError(
        'not the parts of an HRNet', where=where, got=key, allowed='all branches of every module'
    )
