"""The config of a scaled arch: complete, at its own size, and it trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from scalenas.arch import Arch, Scaling, SegHead, arch_for_head, from_dict, named, pruned
from scalenas.arch.rounding import CEIL
from scalenas.complexity import Budget, Counter
from scalenas.errors import ExportError
from scalenas.evaluation import trace
from scalenas.export.config import kept
from scalenas.export.recipe import write_recipe
from scalenas.models.hrnet_extra import single_scale
from scalenas.registry import MODELS
from scalenas.scaling import grow
from scalenas.tasks import task_of
from scalenas.training.launch import build_runner
from tests.configs.shrink import Worlds, shrink
from tests.errors import contains, raises

ROOT = Path(__file__).resolve().parents[2]


def grown(name: str, strategy: str, factor: float) -> Arch:
    size = (512, 1024) if name.startswith('scalenas') else None
    return grow(named(name), strategy, factor, Budget(), None, None, size)[0].arch


CASES = [
    ('regnetz_500mf', 'fast', 8, 'cls'),
    ('efficientnet_b0', 'compound', 2, 'cls'),
    ('scalenas_s1', 'compound', 2, 'seg'),
    ('scalenas_s1', 'compound', 2, 'cls'),
    ('regnetz_500mf', 'fast', 8, 'seg'),
    ('efficientnet_b0', 'compound', 2, 'seg'),
    ('resnet50', 'width', 2, 'seg'),
    ('scalenas_p2', 'compound', 2, 'pose'),
    ('scalenas_s1', 'compound', 2, 'pose'),
]


@pytest.mark.parametrize(('name', 'strategy', 'factor', 'task'), CASES)
def test_the_config_builds_the_arch(
    tmp_path: Path, name: str, strategy: str, factor: float, task: str
) -> None:
    arch = grown(name, strategy, factor)
    path = tmp_path / 'ready.py'
    write_recipe(path, arch, task, f'{name}, {strategy}, {factor} times the macs.')
    text = path.read_text()
    assert text.startswith(f'# {name}, {strategy}')
    cfg = Config.fromfile(path)
    if task == 'seg' and arch.family != 'hrnet':
        arch = arch.with_(conv_out=None)
    if task == 'pose':
        arch = single_scale(arch)
        assert cfg.get('find_unused_parameters', False) == (pruned(arch) != arch)
    assert from_dict(cfg.model.backbone.arch) == arch
    with torch.device('meta'), DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    # Every layer that is built runs: heads take what the backbone gives.
    params = sum(p.numel() for p in model.parameters())
    assert trace(model, (64, 64))['params'] == params
    if task == 'seg':
        # What the tools print of this arch and a head seg:19 is what is trained.
        head = SegHead(19, conv_bias=False)
        assert (
            Counter((64, 64), head)(arch_for_head(grown(name, strategy, factor), head))['params']
            == params
        )


def test_the_images_have_the_size_of_the_arch(tmp_path: Path) -> None:
    arch = named('efficientnet_b3')
    write_recipe(tmp_path / 'b3.py', arch, 'cls')
    cfg = Config.fromfile(tmp_path / 'b3.py')
    assert cfg.train_dataloader.dataset.pipeline[1].scale == 300
    assert cfg.model.backbone.conv_cfg.type == 'Conv2dAdaptivePadding', "EfficientNet's own recipe"
    assert cfg.optim_wrapper.optimizer.type == 'RMSprop'
    assert {hook.type for hook in cfg.custom_hooks} == {'scalenas.InvalidLossHook', 'EMAHook'}
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        _, resize, crop, _ = loader.dataset.pipeline
        assert (resize.scale, crop.crop_size) == (343, 300)


@pytest.mark.parametrize('stage', ['s1', 's2', 's3'])
def test_another_recipe_with_another_net_is_the_shipped_config_of_that_net(
    tmp_path: Path, stage: str
) -> None:
    """So what a search found is trained as ScaleNet's own nets are, at its own resolution."""
    shipped = [
        ROOT / f'configs/scalenas_cls/imagenet/scalenet_{name}_8xb128-300e_imagenet.py'
        for name in ('s0', stage)
    ]
    arch = named(f'scalenet_{stage}')
    write_recipe(tmp_path / 'ready.py', arch, 'cls', start=shipped[0])
    written, wanted = Config.fromfile(tmp_path / 'ready.py'), Config.fromfile(shipped[1])
    assert from_dict(written.model.backbone.pop('arch')) == named(wanted.model.backbone.pop('arch'))
    names = [name for name in kept(task_of(wanted)) if wanted.get(name) is not None]
    assert len(names) > 12
    for name in names:
        assert written[name] == wanted[name], name


def test_a_recipe_that_resizes_by_itself_keeps_its_pictures(tmp_path: Path) -> None:
    start = ROOT / 'configs/scalenas_cls/digits/alone_scalenet_1xb64-600_digits-28x28.py'
    arch = from_dict(Config.fromfile(start).model.backbone.arch.to_dict())
    write_recipe(tmp_path / 'ready.py', arch.scaled(Scaling(2, 2, 1.4), CEIL), 'cls', start=start)
    written = Config.fromfile(tmp_path / 'ready.py')
    assert written.train_dataloader == Config.fromfile(start).train_dataloader
    assert written.model.backbone.arch.resolution == 28
    supernet = start.with_name('supernet_scalenet_1xb64-1500_digits-28x28.py')
    with raises(ExportError, where=f'{supernet}: model.backbone'):
        write_recipe(tmp_path / 'other.py', arch, 'cls', start=supernet)


SHRUNK = [('regnetz_500mf', 'cls'), ('efficientnet_b0', 'cls'), ('scalenas_s1', 'seg')]


@pytest.mark.parametrize(('name', 'task'), SHRUNK)
def test_the_config_trains_shrunk(tmp_path: Path, name: str, task: str) -> None:
    write_recipe(tmp_path / 'ready.py', named(name), task)
    cfg = Config.fromfile(tmp_path / 'ready.py')
    if task == 'seg':
        cfg.model.backbone.arch = name  # the shrinker narrows zoo nets
    cfg = shrink(cfg, Worlds(tmp_path / 'worlds'), tmp_path / 'work')
    build_runner(cfg, ('train_dataloader', 'val_dataloader')).train()
    assert (tmp_path / 'work' / 'iter_2.pth').is_file()


def test_mistakes_get_one_line_and_nothing_is_overwritten(tmp_path: Path) -> None:
    arch = named('scalenas_s1')
    (tmp_path / 'mine.py').write_text('kept')
    for path in (tmp_path / 'mine.py', tmp_path / 'none' / 'new.py'):
        with raises(ExportError, where='config', got=str(path), allowed=contains('new file')):
            write_recipe(path, arch, 'seg')
    with pytest.raises(ExportError) as error:
        write_recipe(tmp_path / 'new.py', arch, 'hands')
    assert error.value.got == 'hands'
    assert {'cls', 'seg', 'pose', 'faster_rcnn'} <= set(error.value.allowed)
    for recipe in ('pose', 'faster_rcnn'):
        with pytest.raises(ExportError) as error:
            write_recipe(tmp_path / 'new.py', named('resnet50'), recipe)
        assert error.value.got == named('resnet50').family
    assert (tmp_path / 'mine.py').read_text() == 'kept'
    assert not (tmp_path / 'new.py').exists()
