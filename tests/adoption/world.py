"""Stock configs of the task packages, made tiny: what their users inherit, change and train."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tests.evaluation.world import write_pictures
from tests.processes import run_tool


def _stage(branches: int, block: str = 'BASIC') -> str:
    channels = tuple(8 * 2**i for i in range(branches))
    return (
        f'stage{branches}=dict(num_modules=1, num_branches={branches}, block={block!r}, '
        f'num_blocks={(1,) * branches}, num_channels={channels})'
    )


STAGES = f'dict({_stage(1, "BOTTLENECK")}, {_stage(2)}, {_stage(3)}, {_stage(4)})'
"""HRNet of width 8, with one module of one block in each stage."""

SEGMENTATION = f"""
_base_ = 'mmseg::hrnet/fcn_hr18s_4xb4-20k_voc12aug-512x512.py'
own = dict(
    type='BaseSegDataset',
    data_root='data',
    img_suffix='.png',
    metainfo=dict(classes=('ground', 'field', 'road', 'roof')),
)
load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
alone = dict(num_workers=0, persistent_workers=False)
train = dict(img_path='img/train', seg_map_path='ann/train')
val = dict(img_path='img/val', seg_map_path='ann/val')
pipeline = [*load, dict(type='RandomFlip', prob=0.5), dict(type='PackSegInputs')]
test_pipeline = [*load, dict(type='PackSegInputs')]
train_dataloader = dict(
    batch_size=4,
    dataset=dict(_delete_=True, data_prefix=train, pipeline=pipeline, **own),
    **alone,
)
val_dataloader = dict(
    dataset=dict(_delete_=True, data_prefix=val, pipeline=test_pipeline, **own), **alone
)
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(extra={STAGES}),
    decode_head=dict(in_channels=[8, 16, 32, 64], channels=120, num_classes=4),
)
"""


def segmentation(folder: Path, images: int = 10) -> Path:
    """mine.py of mmseg in `folder`, and its data below."""
    write_pictures(folder / 'data', {'train': images, 'val': 3})
    (folder / 'mine.py').write_text(SEGMENTATION)
    return folder / 'mine.py'


class Forked:
    """What a chain starts, in a fork of a process that has imported it all; over at once."""

    started: ClassVar[list[str]] = []

    def __init__(self, command: list[str], **_: object) -> None:
        self.started.append(Path(command[1]).parent.parent.name + '/' + Path(command[1]).name)
        done = run_tool(Path(command[1]), *command[2:], cwd=Path.cwd(), warm=True)
        print(done.stdout[-3000:], done.stderr[-3000:])
        self._code = done.returncode

    def wait(self) -> int:
        return self._code
