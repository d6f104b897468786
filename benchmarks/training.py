"""A training step of S1 in the W32 supernet, with what makes it faster, over the step without."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from paired import ratio
from sandwich import batch

from scalenas.arch import named
from scalenas.registry import MODELS

FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    'fused optimizer': ({}, {'fused': True}),
    'channels last': ({'channels_last': True}, {}),
    'channels last, fused optimizer': ({'channels_last': True}, {'fused': True}),
    'compiled units': ({'compile_units': True}, {}),
    'compiled units, channels last, fused optimizer': (
        {'compile_units': True, 'channels_last': True},
        {'fused': True},
    ),
}
"""What is switched on -> arguments of the SuperNet, and of the optimizer."""


def step(space: str, arch: Any, size: tuple[int, int], form: str | None) -> Callable[[], object]:
    """A whole step of mmengine's, two images: preprocessor, losses, backward, update."""
    options, optimizer = FORMS[form] if form else ({}, {})
    channels = list(arch.out_channels)
    config = {
        'type': 'scalenas.SuperNet',
        'sampler': {'type': 'fixed', 'arch': arch.to_dict()},
        'architecture': {
            'type': 'EncoderDecoder',
            'data_preprocessor': {
                'type': 'SegDataPreProcessor',
                'mean': [127.5] * 3,
                'std': [60.0] * 3,
                'size': size,
                'seg_pad_val': 255,
            },
            'backbone': {'type': 'scalenas.SuperScaleHRNet', 'space': space},
            'decode_head': {
                'type': 'FCNHead',
                'in_channels': channels,
                'in_index': tuple(range(len(channels))),
                'channels': sum(channels),
                'input_transform': 'resize_concat',
                'kernel_size': 1,
                'num_convs': 1,
                'concat_input': False,
                'num_classes': 19,
                'loss_decode': {'type': 'CrossEntropyLoss', 'avg_non_ignore': True},
            },
        },
        **options,
    }
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        import mmseg.models  # noqa: F401

        model = MODELS.build(config)
        model.init_weights()
    model.train()
    MessageHub.get_instance('training').update_info('iter', 0)
    sgd = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, **optimizer)
    wrapper = OptimWrapper(sgd)
    data = batch('mmseg', 2, *size)
    return lambda: model.train_step(copy.deepcopy(data), wrapper)


def rows(quick: bool) -> list[dict[str, Any]]:
    """Of each form; without options the step is that of the build before they were there."""
    space, arch, size = 'scalenas_w32', named('scalenas_s1'), (128, 256)
    if quick:
        size = (64, 64)
    theirs = step(space, arch, size, None)
    found = []
    for form in FORMS:
        # The first steps compile.
        row = ratio(step(space, arch, size, form), theirs, 3 if quick else 15)
        where = f'S1 in W32, 2x{size[0]}x{size[1]}'
        found.append({'what': f'training step with {form} / without, {where}', **row})
    return found
