"""Classification recipes say what their papers say: BigNAS, EfficientNet, ScaleNet."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from scalenas.arch import find
from scalenas.sampling import HierarchicalSampler
from scalenas.space import bignas_space, scalenet_scaled_space
from scalenas.space import from_dict as space_of

from .header import REPO, check_line_of_the_teacher, options_after, with_options
from .shipped import CONFIGS, build, read


@pytest.mark.parametrize('width', [32, 48])
def test_the_recipe_of_the_teacher_on_imagenet(width):
    """Section 7.2; its weights are those that the teachers of the tasks have."""
    cfg = read(f'configs/scalenas_cls/imagenet/teacher_w{width}_16xb48-100e_imagenet.py')
    epoch = 1_281_167 / 768
    assert 16 * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 768
    sgd = cfg.optim_wrapper.optimizer
    assert (sgd.lr, sgd.momentum, sgd.nesterov, sgd.weight_decay) == (0.3, 0.9, True, 1e-4)
    (steps,) = cfg.param_scheduler
    assert steps.milestones == [round(n * epoch) for n in (30, 60, 90)]
    assert cfg.train_cfg.max_iters == round(100 * epoch) == 166819
    task = read(
        f'configs/scalenas_seg/cityscapes/teacher_w{width}_8xb3-484e_cityscapes-512x1024.py'
    )
    with torch.device('meta'):
        ours, theirs = (build(c.model, c.default_scope).backbone for c in (cfg, task))
    assert ours.space == theirs.space
    shapes = {key: value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in ours.state_dict().items()} == shapes


@pytest.mark.parametrize('width', [32, 48])
def test_the_teachers_of_segmentation_show_the_line(width):
    name = f'teacher_w{width}_8xb3-484e_cityscapes-512x1024.py'
    check_line_of_the_teacher(REPO / 'configs/scalenas_seg/cityscapes' / name)


LARGE = [c for c in CONFIGS if re.search(r'_(16|32|64)xb\d+-', c)]


@pytest.mark.parametrize('config', LARGE)
def test_on_eight_gpus(config):
    """As many images an update, as many updates, the schedule over as many images."""
    before, cfg = read(config), with_options(REPO / config, options_after(REPO / config, '8 GPUs'))
    gpus = int(re.search(r'_(\d+)xb', config)[1])
    per_update = gpus * before.train_dataloader.batch_size
    many = cfg.optim_wrapper.get('accumulative_counts', 1)
    assert 8 * cfg.train_dataloader.batch_size * many == per_update
    assert per_update == cfg.auto_scale_lr.base_batch_size
    for name in ('max_iters', 'val_interval'):
        assert cfg.train_cfg[name] == many * before.train_cfg[name]
    for old, new in zip(before.param_scheduler, cfg.param_scheduler, strict=True):
        assert new.keys() == old.keys()
        for key in ('begin', 'end', 'period', 'step_size', 'milestones'):
            if key in old:
                wanted = [many * v for v in old[key]] if key == 'milestones' else many * old[key]
                assert new[key] == pytest.approx(wanted, rel=1e-7)
        assert new.get('gamma') == old.get('gamma')
    for old, new in zip(before.custom_hooks, cfg.custom_hooks, strict=True):
        if old.type == 'EMAHook':
            assert new.interval == many * old.get('interval', 1)


@pytest.mark.parametrize(('name', 'decay'), [('regnetz_500mf', 2e-5), ('efficientnet_b0', 1e-5)])
def test_the_recipe_of_fast_scaling(name, decay):
    """Section 6.1: one setup for all networks, but for the decay of weights."""
    cfg = read(f'{IMAGENET}/{name}_8xb128-100e_imagenet.py')
    sgd, (warm, falling) = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (sgd.type, sgd.lr, sgd.momentum, sgd.weight_decay) == ('SGD', 2.0, 0.9, decay)
    assert cfg.optim_wrapper.paramwise_cfg.norm_decay_mult == 0.0
    epoch = 1_281_167 / 1024
    assert 8 * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 1024
    assert (warm.end, cfg.train_cfg.max_iters) == (round(5 * epoch), round(100 * epoch))
    assert falling.type == 'ExponentialLR'
    assert falling.gamma**cfg.train_cfg.max_iters == pytest.approx(0.02)
    assert cfg.model.train_cfg.augments == dict(type='Mixup', alpha=0.2)
    assert cfg.model.head.loss.label_smooth_val == 0.1
    assert 'AutoAugment' in [step.type for step in cfg.train_dataloader.dataset.pipeline]
    (swa,) = [hook for hook in cfg.custom_hooks if hook.type == 'EMAHook']
    assert swa.ema_type == 'StochasticWeightAverage'
    assert swa.begin_iter == round(75 * epoch)
    assert swa.interval == round(epoch)
    assert find(cfg.model.backbone.arch).resolution in (None, 224)
    assert cfg.model.neck == dict(type='GlobalAveragePooling')


def test_the_dropout_of_efficientnet():
    """Before the classifier in training, 0.2 for B0, as in its own recipe."""
    cfg = read(f'{IMAGENET}/efficientnet_b0_8xb128-350e_imagenet.py')
    model = build(cfg.model, cfg.default_scope)
    features = (torch.ones(64, 1280, 1, 1),)
    torch.manual_seed(0)
    (dropped,) = model.train().neck(features)
    assert (dropped == 0).float().mean() == pytest.approx(0.2, abs=0.01)
    assert dropped.mean() == pytest.approx(1.0, abs=0.02)
    (kept,) = model.eval().neck(features)
    assert torch.equal(kept, torch.ones(64, 1280))


def test_the_recipe_of_bignas():
    """Section 4.2 and table 1, and every rule of section 3.1 switched on."""
    folder = 'configs/scalenas_cls/imagenet'
    cfg = read(f'{folder}/supernet_bignas_64xb64-120k_imagenet.py')
    rms, (warm, decay) = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (rms.type, rms.lr, rms.alpha, rms.momentum) == ('RMSprop', 0.256, 0.9, 0.9)
    assert rms.weight_decay == 1e-5
    assert 64 * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 4096
    epoch = 1281167 / 4096
    assert (decay.gamma, decay.floor) == (0.97, 0.05)
    assert decay.period == pytest.approx(2.4 * epoch)
    assert warm.end == round(5 * epoch)
    model = cfg.model
    assert model.sampler == dict(type='sandwich', seed=0, num_random=2)
    kd = dict(tap='head.fc', teacher='inplace', loss='kl', temperature=1.0, labels='largest')
    assert model.distillation == kd
    assert (model.dropout, model.child_decay, model.track_norms) == ('largest', 0.0, False)
    backbone = model.architecture.backbone
    assert backbone.zero_init_residual
    assert backbone.resize
    assert backbone.norm_cfg == dict(type='SyncBN', eps=1e-3)
    assert model.architecture.neck[1].ratio == 0.2
    crop = next(t for t in cfg.train_pipeline if t.type == 'RandomResizedCrop')
    assert crop.scale == 224
    assert cfg.train_dataloader.dataset.pipeline == cfg.train_pipeline
    trained = space_of(backbone.space)
    searched = read(f'{folder}/search_bignas_imagenet.py').model.architecture.backbone.space
    assert space_of(searched) == bignas_space()
    assert set(bignas_space().resolution) - set(trained.resolution) == {256}
    assert 5 * trained.size() == 4 * bignas_space().size()
    assert trained.largest() in bignas_space()
    assert trained.largest().activation == 'swish'


def test_autoaugment_v0_is_that_of_timm():
    """Operation by operation, with the strength that either gives to its level."""
    from mmengine.registry import TRANSFORMS
    from timm.data.auto_augment import auto_augment_policy_v0

    names = {'Color': 'ColorTransform', 'TranslateYRel': 'Translate'}
    names |= {'ShearX': 'Shear', 'ShearY': 'Shear'}
    strengths = ('angle', 'magnitude', 'thr', 'bits')
    cfg = read('configs/scalenas_cls/imagenet/supernet_bignas_64xb64-120k_imagenet.py')
    (found,) = [t for t in cfg.train_dataloader.dataset.pipeline if t.type == 'AutoAugment']
    theirs = auto_augment_policy_v0(dict(translate_const=250, img_mean=(124, 116, 104)))
    assert len(found.policies) == len(theirs) == 25
    for ours, others in zip(found.policies, theirs, strict=True):
        for part, other in zip(ours, others, strict=True):
            assert (part.type, part.prob) == (names.get(other.name, other.name), other.prob)
            arguments = [part[key] for key in strengths if key in part]
            if other.level_fn is None:
                assert not arguments
                continue
            (wanted,) = other.level_fn(other.magnitude, other.hparams)
            (strength,) = arguments
            if part.type == 'ColorTransform':
                strength += 1
                assert part.random_negative_prob == 0
            assert strength == pytest.approx(abs(wanted))
            directions = {'X': 'horizontal', 'Y': 'vertical'}
            if 'direction' in part:
                assert part.direction == directions[other.name.removesuffix('Rel')[-1]]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        augment = TRANSFORMS.build(found)
    image = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    for one in augment.transforms:
        assert one(dict(img=image.copy()))['img'].shape == image.shape


def test_the_recipe_of_efficientnet():
    """350 epochs of 1,281,167 images in batches of 8 x 128; the rate falls every 2.4 epochs."""
    (config,) = [c for c in CONFIGS if 'efficientnet_b0_8xb128-350e' in c]
    cfg = read(config)
    batch = cfg.train_dataloader.batch_size * 8
    assert batch == cfg.auto_scale_lr.base_batch_size == 1024
    warm_up, decay = cfg.param_scheduler
    assert cfg.train_cfg.max_iters == round(350 * 1_281_167 / batch)
    assert (warm_up.end, decay.step_size) == (round(5 * 1_281_167 / batch), 3003)
    assert decay.step_size == pytest.approx(2.4 * 1_281_167 / batch, abs=0.5)
    rms = cfg.optim_wrapper.optimizer
    assert rms.lr == pytest.approx(0.016 * batch / 256)
    assert cfg.model.train_cfg is None
    with torch.device('meta'):
        model = build(cfg.model, cfg.default_scope)
    assert sum(p.numel() for p in model.parameters()) == 5_288_548
    rates = [m.rate for m in model.modules() if hasattr(m, 'rate')]
    assert (rates[0], rates[-1]) == (0, 0.2)
    norms = {(m.eps, m.momentum) for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert norms == {(1e-3, 0.01)}
    assert all(type(m).__name__ != 'Conv2d' or m.kernel_size == (1, 1) for m in model.modules())


IMAGENET = 'configs/scalenas_cls/imagenet'


def test_the_recipe_of_scalenets_supernet():
    """Appendix A and tables 6 and 7; the ablations' half as wide; the released code's rules."""
    cfg = read(f'{IMAGENET}/supernet_scalenet_32xb32-750k_imagenet.py')
    assert space_of(cfg.model.architecture.backbone.space) == scalenet_scaled_space()
    sgd, (warm, cosine) = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (sgd.lr, sgd.momentum, sgd.weight_decay) == (0.12, 0.9, 4e-5)
    assert (warm.end, cosine.begin, cosine.end, cfg.train_cfg.max_iters) == (
        3750,
        3750,
        750000,
        750000,
    )
    assert 32 * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 1024
    assert cfg.search_dataloader.dataset.per_class == 50
    crop = next(t for t in cfg.train_pipeline if t.type == 'RandomResizedCrop')
    assert crop.scale == scalenet_scaled_space().largest().resolution == 352
    half = read(f'{IMAGENET}/supernet_scalenet-half_8xb32-150k_imagenet100.py')
    model = half.model.architecture
    assert space_of(model.backbone.space) == scalenet_scaled_space(half=True)
    assert (model.head.in_channels, model.head.num_classes) == (640, 100)
    assert 8 * half.train_dataloader.batch_size == 256
    assert (half.param_scheduler[0].end, half.train_cfg.max_iters) == (375, 150000)
    loaders = ('train', 'val', 'test', 'search', 'calibration')
    assert len({half[f'{name}_dataloader'].dataset.class_list for name in loaders}) == 1
    released = read(f'{IMAGENET}/supernet_scalenet-released_32xb8-750k_imagenet.py')
    backbone = released.model.architecture.backbone
    space = space_of(backbone.space)
    sides = [
        {space.grown(space.base.smallest(), s).resolution for s in space.strategies(j)}
        for j in range(4)
    ]
    assert sides == [{224}, {224, 240, 256}, {272, 288, 304}, {320, 336, 354}]
    assert HierarchicalSampler(space, eta=released.model.sampler.eta).eta == (
        1 / 17,
        4 / 17,
        5 / 17,
        7 / 17,
    )
    assert backbone.align == 'both'
    assert released.model.architecture.head.loss.label_smooth_val == pytest.approx(0.1 * 1000 / 999)


def test_the_searches_of_scalenet():
    search = read(f'{IMAGENET}/search_scalenet_imagenet.py').search.algorithm
    names = ('num_bases', 'iterations', 'population', 'generations', 'num_stages', 'base_macs')
    assert [search[name] for name in names] == [20, 8, 50, 40, 3, 350e6]
    code = read(f'{IMAGENET}/search_scalenet-released_imagenet.py').search.algorithm
    assert (code.population, code.base_macs) == (64, 306e6)
    assert code.tolerance * code.base_macs == pytest.approx(25e6)


@pytest.mark.parametrize('stage', range(6))
def test_the_recipes_of_scalenets_retraining(stage):
    """300 epochs of 1,281,167 images in batches of 1,024, at each network's own resolution."""
    (config,) = [c for c in CONFIGS if f'/scalenet_s{stage}_' in c and '300e_imagenet.' in c]
    cfg = read(config)
    gpus = int(re.search(r'_(\d+)xb', config)[1])
    epoch = 1_281_167 / 1024
    assert gpus * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 1024
    rms, (warm, decay) = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (rms.type, rms.lr, rms.momentum, rms.weight_decay) == ('RMSprop', 0.08, 0.9, 1e-5)
    assert (warm.end, cfg.train_cfg.max_iters) == (round(3 * epoch), round(300 * epoch))
    assert (decay.gamma, decay.step_size) == (0.97, round(2.4 * epoch))
    (ema,) = [hook for hook in cfg.custom_hooks if hook.type == 'EMAHook']
    assert ema.momentum == pytest.approx(1 - 0.9999)
    side = find(cfg.model.backbone.arch).resolution
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        kinds = {t.type: t for t in loader.dataset.pipeline}
        crop = kinds.get('RandomResizedCrop', {}).get('scale') or kinds['CenterCrop'].crop_size
        assert crop == side
    assert 'RandAugment' in {t.type for t in cfg.train_dataloader.dataset.pipeline}


@pytest.mark.parametrize(
    ('data', 'stage', 'classes', 'pictures'),
    [
        ('aircraft', 3, 100, 6667),
        ('cars', 3, 196, 8144),
        ('food101', 4, 101, 75750),
        ('cifar10', 0, 10, 50000),
        ('cifar100', 0, 100, 50000),
    ],
)
def test_the_recipes_of_scalenets_finetuning(data, stage, classes, pictures):
    """Tables 2 and 10, and appendix A: as on ImageNet, without moving average, batches of 256."""
    cfg = read(f'configs/scalenas_cls/finetune/scalenet_s{stage}_8xb32-300e_{data}.py')
    (trained,) = [c for c in CONFIGS if f'/scalenet_s{stage}_' in c and '300e_imagenet.' in c]
    before = read(trained)
    assert cfg.optim_wrapper == before.optim_wrapper
    assert not any(hook.type == 'EMAHook' for hook in cfg.custom_hooks)
    assert 8 * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 256
    assert cfg.train_cfg.max_iters == round(300 * pictures / 256)
    warm, decay = cfg.param_scheduler
    assert warm.end == round(3 * pictures / 256)
    assert (decay.gamma, decay.period, decay.floor) == (0.97, 2.4 * pictures / 256, 0.0)
    assert cfg.model.head.num_classes == cfg.model.data_preprocessor.num_classes == classes
    weights = cfg.model.backbone.init_cfg.checkpoint
    assert weights == f'work_dirs/{Path(trained).stem}/iter_{before.train_cfg.max_iters}.pth'
