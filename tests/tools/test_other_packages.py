"""The same tools train configs of another package, a supernet's and a plain one's."""

import pytest
import torch
from PIL import Image

pytest.importorskip('mmpretrain')

CONFIG = """
default_scope = 'mmpretrain'
pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='CustomDataset', data_root='{data}', pipeline=pipeline),
)
val_dataloader = train_dataloader
val_evaluator = dict(type='Accuracy', topk=1)
train_cfg = dict(by_epoch=True, max_epochs=2)
val_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
data_preprocessor = dict(mean=[127.5] * 3, std=[60.0] * 3, num_classes=2)
classifier = dict(
    type='ImageClassifier',
    backbone=dict(
        type='scalenas.SuperScaleHRNet',
        space=dict(
            family='hrnet', width=8, num_modules=(1, 1, 1), depth=(1, 2), stem=16, stage1_blocks=1
        ),
    ),
    neck=[
        dict(type='HRFuseScales', in_channels=(8, 16, 32, 64), out_channels=32),
        dict(type='GlobalAveragePooling'),
    ],
    head=dict(
        type='LinearClsHead', num_classes=2, in_channels=32, loss=dict(type='CrossEntropyLoss')
    ),
)
{model}
custom_hooks = [dict(type='scalenas.SpaceHook'), dict(type='scalenas.InvalidLossHook')]
"""
MODELS = {
    'supernet': "model = dict(type='scalenas.SuperNet', architecture=classifier, "
    "sampler=dict(type='sandwich', num_random=1), "
    "distillation=dict(tap='head.fc', teacher='inplace'))",
    'plain': "model = dict(type='ImageClassifier', backbone=dict(type='ResNet_CIFAR', depth=18), "
    "neck=dict(type='GlobalAveragePooling'), head=dict(type='LinearClsHead', num_classes=2, "
    'in_channels=512))',
}


@pytest.mark.parametrize('kind', MODELS)
def test_mmpretrain(tool, tmp_path, kind):
    for label, colour in (('blue', (0, 0, 255)), ('red', (255, 0, 0))):
        (tmp_path / 'data' / label).mkdir(parents=True)
        for i in range(2):
            Image.new('RGB', (64, 64), colour).save(tmp_path / 'data' / label / f'{i}.png')
    path = tmp_path / f'{kind}.py'
    text = CONFIG.format(data=(tmp_path / 'data').as_posix(), model=MODELS[kind])
    path.write_text(text)
    work = tmp_path / 'work'
    assert tool('train', str(path), '--work-dir', str(work)) == 0
    found = torch.load(work / 'epoch_2.pth', weights_only=False)  # written by this test
    assert ('scalenas' in found['meta']) == (kind == 'supernet')
    assert found['meta']['iter'] == 4
