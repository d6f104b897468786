"""HRNet's own `extra` dict, and the other ways to say which backbone is meant, as an arch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalenas.arch import HRArch, HRModule, HRStage, module_of
from scalenas.arch.hrnet import UPSAMPLE
from scalenas.arch.strict import (
    MOST_MODULES,
    ArchError,
    as_channels,
    as_choice,
    as_depth,
    as_flag,
    as_int,
    as_list,
    as_mapping,
    is_int,
    wrong,
)

from .backbone import as_arch

STAGE_KEYS = ('num_modules', 'num_branches', 'block', 'num_blocks', 'num_channels')


def resolve_arch(
    arch: HRArch | Mapping[str, Any] | str | None,
    extra: Mapping[str, Any] | None,
    in_channels: int | None,
    multiscale_output: bool | None,
    upsample: str | Mapping[str, Any] | None,
) -> HRArch:
    """The one arch that the arguments of a backbone describe.

    `extra` without word on them means all feature maps and bilinear fusions, as in mmseg.

    Raises:
        ArchError: when both or neither of arch and extra are given, or two arguments disagree.
    """
    if (arch is None) == (extra is None):
        raise ArchError(
            where='ScaleHRNet',
            got='neither' if arch is None else 'both',
            allowed='exactly one of `arch` (a zoo name, a YAML path or a dict) and `extra` (the '
            'dict of HRNet)',
        )
    if multiscale_output is not None:
        as_flag(multiscale_output, 'multiscale_output')
    mode = None if upsample is None else upsample_mode(upsample, 'upsample')
    if extra is not None:
        network, multi = _from_extra(
            extra, 3 if in_channels is None else in_channels, mode, multiscale_output
        )
        return network if multi else single_scale(network)
    assert arch is not None
    network = as_arch(arch, HRArch)
    if in_channels is not None:
        network = network.with_(in_channels=in_channels)
    if mode is not None:
        network = network.with_(upsample=mode)
    if multiscale_output and network.output == 'single':
        raise ArchError(
            'the arch has a single output map',
            where='multiscale_output',
            got=multiscale_output,
            allowed='False',
            hint="leave it out, or choose an arch with output: 'multi'",
        )
    return single_scale(network) if multiscale_output is False else network


def single_scale(arch: HRArch) -> HRArch:
    """The arch with only its finest feature map; what the last step adds to others is dropped."""
    if arch.output == 'single':
        return arch
    *stages, last = arch.stages
    *modules, end = last.modules
    *steps, rows = end.fusions
    only = (rows[0], *((),) * (len(rows) - 1))
    end = HRModule(end.depths, (*steps, only), end.inner)
    return arch.with_(stages=(*stages, HRStage(last.channels, (*modules, end))), output='single')


def upsample_mode(data: object, where: str) -> str:
    """'nearest' or 'bilinear', from the word or from `dict(mode=..., align_corners=...)`."""
    if isinstance(data, str):
        return as_choice(data, where, UPSAMPLE)
    table = as_mapping(data, where, ('mode',), ('align_corners',))
    if table.get('align_corners'):
        raise wrong(f'{where}.align_corners', 'False or None', table['align_corners'])
    return as_choice(table['mode'], f'{where}.mode', UPSAMPLE)


def _from_extra(
    extra: Mapping[str, Any], in_channels: int, mode: str | None, multi: bool | None
) -> tuple[HRArch, bool]:
    names = [f'stage{s}' for s in range(1, 5)]
    as_mapping(extra, 'extra', names, ('upsample',))
    stages = []
    for s, name in enumerate(names, 1):
        where = f'extra.{name}'
        optional = ('multiscale_output',) if s == 4 else ()
        table = as_mapping(extra[name], where, STAGE_KEYS, optional)
        as_choice(table['block'], f'{where}.block', ('BASIC',) if s > 1 else ('BOTTLENECK',))
        if not is_int(table['num_branches']) or table['num_branches'] != s:
            raise wrong(f'{where}.num_branches', f'{s}', table['num_branches'])
        blocks, channels = (
            tuple(rule(n, f'{where}.{key}') for n in as_list(table[key], f'{where}.{key}', 'int'))
            for key, rule in (('num_blocks', as_depth), ('num_channels', as_channels))
        )
        for key, values in (('num_blocks', blocks), ('num_channels', channels)):
            if len(values) != s:
                raise wrong(f'{where}.{key}', f'{s} numbers, one for each branch', values)
        count = as_int(table['num_modules'], f'{where}.num_modules', 1, MOST_MODULES)
        stages.append((count, blocks, channels))
    _, (stage1_blocks,), (stage1_channels,) = stages[0]
    said = {'the argument': mode}
    if 'upsample' in extra:
        said['extra.upsample'] = upsample_mode(extra['upsample'], 'extra.upsample')
    arch = HRArch(
        tuple(
            HRStage(channels, tuple(_stock_module(blocks) for _ in range(count)))
            for count, blocks, channels in stages[1:]
        ),
        stage1_blocks=stage1_blocks,
        stage1_channels=stage1_channels,
        upsample=_agreed('upsample', said, 'bilinear'),
        in_channels=in_channels,
    )
    outputs = {'the argument': multi}
    if 'multiscale_output' in extra['stage4']:
        place = 'extra.stage4.multiscale_output'
        outputs[place] = as_flag(extra['stage4']['multiscale_output'], place)
    return arch, _agreed('multiscale_output', outputs, True)


def _stock_module(blocks: tuple[int, ...]) -> HRModule:
    if len(set(blocks)) > 1:
        raise ArchError(
            where='extra.num_blocks',
            got=blocks,
            allowed='as many in all branches of a stage',
            hint='say such a network as `arch`',
        )
    return module_of(blocks, (-1,))


def _agreed(what: str, said: Mapping[str, Any], default: Any) -> Any:
    given = {place: value for place, value in said.items() if value is not None}
    if len(set(given.values())) > 1:
        raise ArchError(
            f'{" and ".join(given)} differ',
            where=what,
            got=list(given.values()),
            hint='remove one of them',
        )
    return next(iter(given.values()), default)
