"""Where the weights of RegNets of timm and mmpretrain go in the networks of this package."""

from __future__ import annotations

from scalenas.arch import RegNetArch

from .renaming import check_options, key_map_of


def timm_keys(arch: RegNetArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of timm's RegNet.

    Raises:
        CheckpointError: when timm has no such network.
    """
    check_options(arch, 'timm', stem_type='simple')
    found = {
        layer.name: (layer.name, f'{layer.name.rpartition(".")[0]}.bn') for layer in arch.layers()
    }
    return key_map_of(arch, found)


def timm_caveat(arch: RegNetArch) -> str:
    """A RegNetZ without last convolution (`regnetz_040`) activates its last map there."""
    if arch.block == 'z' and arch.conv_out is None:
        return 'timm applies one more SiLU to the last map before it pools; here it is missing'
    return ''


def mmpretrain_keys(arch: RegNetArch) -> dict[str, str]:
    """State-dict key of `arch` -> the key of mmpretrain's RegNet.

    Raises:
        CheckpointError: when mmpretrain has no such network.
    """
    check_options(arch, 'mmpretrain', block='x', conv_out=None, stem_type='simple')
    found = {'stem.conv': ('conv1', 'bn1')}
    for layer in arch.layers():
        if layer.name == 'stem.conv':
            continue
        stage, block, part, _ = layer.name.split('.')
        path = f'layer{stage[1:]}.{int(block[1:]) - 1}'
        if part == 'downsample':
            found[layer.name] = f'{path}.downsample.0', f'{path}.downsample.1'
        else:
            found[layer.name] = f'{path}.{part}', f'{path}.{part.replace("conv", "bn")}'
    return key_map_of(arch, found)
