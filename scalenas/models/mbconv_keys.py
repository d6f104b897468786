"""Where the weights of EfficientNets of timm and mmpretrain go in MBConv networks."""

from __future__ import annotations

from scalenas.arch import MBConvArch

from .renaming import check_options, key_map_of

# With and without an expansion in front, timm counts convolutions and norms of a block anew.
_EXPANDED = {
    'expand_conv': ('conv_pw', 'bn1'),
    'depthwise_conv': ('conv_dw', 'bn2'),
    'linear_conv': ('conv_pwl', 'bn3'),
}
_PLAIN = {'depthwise_conv': ('conv_dw', 'bn1'), 'linear_conv': ('conv_pw', 'bn2')}
_SQUEEZE = {'conv1': 'conv_reduce', 'conv2': 'conv_expand'}


def timm_keys(arch: MBConvArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of timm's EfficientNet.

    Networks whose name begins with `tf_` compute with TensorFlow's padding and epsilon.

    Raises:
        CheckpointError: when timm has no such network.
    """
    check_options(arch, 'timm', shortcut='identity')
    found = {}
    for layer in arch.layers():
        _, index, *rest = layer.name.split('.')
        if len(rest) == 1:  # the stem, and conv_out
            found[layer.name] = ('conv_head', 'bn2') if int(index) else ('conv_stem', 'bn1')
            continue
        stage, block, part = int(index) - 1, int(rest[0]), rest[1]
        path = f'blocks.{stage}.{block}'
        if part == 'se':
            found[layer.name] = f'{path}.se.{_SQUEEZE[rest[2]]}', ''
        else:
            expand = arch.stages[stage].blocks[block].expand
            conv, norm = (_PLAIN if expand == 1 else _EXPANDED)[part]
            found[layer.name] = f'{path}.{conv}', f'{path}.{norm}'
    return key_map_of(arch, found)


def timm_caveat(arch: MBConvArch) -> str:
    """What a checkpoint does not tell: which padding its network computes with."""
    return "only if timm's name does not begin with `tf_`; those are timm-tf"


def mmpretrain_keys(arch: MBConvArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of mmpretrain's EfficientNet.

    Only the keys differ: it puts a stage of stride 1 into the entry before it.
    """
    places: list[tuple[int, int]] = []
    entry = offset = 0
    for s, stage in enumerate(arch.stages):
        if s == 0 or stage.stride != 1:
            entry, offset = entry + 1, 0
        places.append((entry, offset))
        offset += len(stage.blocks)
    found = {}
    for layer in arch.layers():
        _, index, *rest = layer.name.split('.')
        if len(rest) == 1:  # the stem, and conv_out
            path = f'layers.{entry + 1 if int(index) else 0}'
        else:
            there, start = places[int(index) - 1]
            path = '.'.join(['layers', str(there), str(start + int(rest[0])), *rest[1:-1]])
        found[layer.name] = f'{path}.conv', f'{path}.bn'
    return key_map_of(arch, found)
