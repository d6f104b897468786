"""The three families of the house; what a family from outside registers in the same way."""

from __future__ import annotations

from scalenas.family import Family, register_family

HRNET = register_family(
    Family(
        'hrnet',
        arch='scalenas.arch.hrnet:HRArch',
        space='scalenas.space.hrnet:HRSpace',
        net='scalenas.models.hrnet:ScaleHRNet',
        supernets=('scalenas.models.super_hrnet:SuperScaleHRNet',),
        drawing='scalenas.visualization.draw_hrnet:draw_hrnet',
        head='seg:19',
        roles={'depth': '*.depth', 'fusion': '*.f*'},
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
        drawing='scalenas.visualization.draw_chain:draw_chain',
        head='cls:1000',
        roles={
            'depth': '*.depth',
            'width': '*.width',
            'kernel': '*.kernel',
            'expand': '*.expand',
            'resolution': 'resolution',
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
        drawing='scalenas.visualization.draw_chain:draw_chain',
        head='cls:1000',
    )
)
