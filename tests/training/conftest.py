"""A small supernet around mmseg's EncoderDecoder, and batches for it."""

import copy
import itertools

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

import scalenas.training  # noqa: F401
from scalenas.registry import MODELS

SPACE = dict(
    family='hrnet',
    width=8,
    num_modules=(1, 1, 1),
    depth=(1, 2, 3),
    stem=16,
    stage1_blocks=1,
    stage1_channels=8,
)
SEGMENTOR = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[127.5] * 3,
        std=[60.0] * 3,
        size=(64, 64),
        seg_pad_val=255,
    ),
    backbone=dict(type='scalenas.SuperScaleHRNet', space=SPACE),
    decode_head=dict(
        type='FCNHead',
        in_channels=[8, 16, 32, 64],
        in_index=(0, 1, 2, 3),
        channels=120,
        input_transform='resize_concat',
        kernel_size=1,
        num_convs=1,
        concat_input=False,
        dropout_ratio=-1,
        num_classes=4,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg={},
    test_cfg=dict(mode='whole'),
)

SANDWICH = dict(type='sandwich', seed=5, num_random=2)
TAP = 'decode_head.conv_seg'
BIGNAS = dict(tap=TAP, teacher='inplace', loss='kl', temperature=1.0, labels='largest')


@pytest.fixture(autouse=True)
def mmseg_scope():
    """Unscoped names in these tests are mmseg's, as under a mmseg config."""
    import mmseg.models  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


_hubs = itertools.count()


def new_hub():
    """A message hub that becomes the current one: that is the one created last, as by a Runner."""
    return MessageHub.get_instance(f'test-{next(_hubs)}')


@pytest.fixture
def iteration():
    """Sets the iteration that a supernet sees."""
    hub = new_hub()

    def at(value):
        hub.update_info('iter', value)

    at(0)
    return at


@pytest.fixture
def supernet(iteration):
    """Builds and initializes a SuperNet, the same for the same arguments."""

    def build(sampler=None, init=True, **options):
        torch.manual_seed(0)
        options.setdefault('architecture', SEGMENTOR)
        cfg = dict(type='scalenas.SuperNet', sampler=sampler or dict(type='uniform'), **options)
        model = MODELS.build(ConfigDict(copy.deepcopy(cfg)))
        if init:
            model.init_weights()
        return model

    return build


@pytest.fixture
def bignas(supernet):
    """A SuperNet with the rules of BigNAS, except for what a test changes."""

    def build(**changes):
        options = dict(distillation=BIGNAS, dropout='largest', track_norms=False)
        return supernet(changes.pop('sampler', SANDWICH), **{**options, **changes})

    return build


def batch(count=2, seed=0, ignored=0, classes=4, size=64):
    """Random images with random labels; the first `ignored` rows have label 255."""
    rng = torch.Generator().manual_seed(seed)
    samples, inputs = [], []
    for _ in range(count):
        labels = torch.randint(0, classes, (1, size, size), generator=rng)
        labels[:, :ignored] = 255
        shape = dict(img_shape=(size, size), ori_shape=(size, size), pad_shape=(size, size))
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels), metainfo=shape))
        inputs.append(torch.rand(3, size, size, generator=rng) * 255)
    return dict(inputs=inputs, data_samples=samples)
