"""Memory of a sandwich step, with one summed backward and with one for each sub-net.

Counts the bytes that autograd keeps for the backward pass, at their highest within a step: exact,
the same on any device, weights not counted. Prints rows of a table for docs/bignas.md.

    python benchmarks/sandwich.py CONFIG BATCH HEIGHT WIDTH [CONFIG BATCH HEIGHT WIDTH ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from memory import kept_for_backward
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData

from scalenas.registry import MODELS


def batch(scope: str, count: int, height: int, width: int) -> dict[str, list[object]]:
    """Random images with random labels of a task."""
    rng = torch.Generator().manual_seed(0)
    inputs = [torch.rand(3, height, width, generator=rng) * 255 for _ in range(count)]
    samples: list[object] = []
    for _ in range(count):
        if scope == 'mmseg':
            from mmseg.structures import SegDataSample

            labels = torch.randint(0, 7, (1, height, width), generator=rng)
            size = (height, width)
            shape = {'img_shape': size, 'ori_shape': size, 'pad_shape': size}
            sample = SegDataSample(gt_sem_seg=PixelData(data=labels), metainfo=shape)
        else:
            from mmpretrain.structures import DataSample

            sample = DataSample().set_gt_label(1)
        samples.append(sample)
    return {'inputs': inputs, 'data_samples': samples}


def peak(path: str, backward: str, count: int, height: int, width: int) -> int:
    """Bytes kept at most in the step of iteration 0."""
    cfg = Config.fromfile(path)
    cfg.model.backward = backward
    for part in (cfg.model.architecture.backbone, cfg.model.architecture.get('decode_head', {})):
        if 'norm_cfg' in part:
            part['norm_cfg']['type'] = 'BN'
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
        model.init_weights()
    MessageHub.get_current_instance().update_info('iter', 0)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-4))
    data = batch(cfg.default_scope, count, height, width)
    with kept_for_backward(model) as found:
        model.train_step(data, optimizer)
    return found()


def main() -> None:
    print('| config | batch | summed | each | each / summed |\n|---|---|---|---|---|')
    for i in range(1, len(sys.argv), 4):
        path, *numbers = sys.argv[i : i + 4]
        count, height, width = map(int, numbers)
        summed, each = (peak(path, form, count, height, width) for form in ('summed', 'each'))
        shown = [f'{value / 2**20:,.1f} MiB' for value in (summed, each)]
        size = f'{count} x {height}x{width}'
        print(f'| {Path(path).stem} | {size} | {shown[0]} | {shown[1]} | {each / summed:.3f} |')


if __name__ == '__main__':
    main()
