"""From task to task: ready configs, the weights bit by bit, and a walk with a step in each task."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, DefaultScope

from scalenas import family_of
from scalenas.arch import HRArch, Scaling, SegHead, arch_for_head, dump, from_dict, named, pruned
from scalenas.arch.rounding import NEAREST
from scalenas.errors import ConfigError, ExportError, UserError
from scalenas.evaluation import trace
from scalenas.export import Exported, Source, recipes, transfer
from scalenas.models import ScaleHRNet
from scalenas.models.checkpoint import load_checkpoint, save_plain
from scalenas.models.hrnet_extra import single_scale
from scalenas.training.launch import build_runner
from tests.configs.shrink import Worlds, shrink
from tests.errors import contains, raises
from tests.evaluation.world import SPACE

REPO = Path(__file__).parents[2]
SINGLE = ('pose', 'pose_bottomup')


def written(folder: Path, arch: Any, seed: int = 0) -> Source:
    """`arch` with random weights, as tools/export.py writes a net."""
    torch.manual_seed(seed)
    net = family_of(arch).net(arch)
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 2.0)
    folder.mkdir(exist_ok=True)
    (folder / 'mine.yaml').write_text(dump(arch))
    weights = {f'backbone.{key}': value for key, value in net.state_dict().items()}
    save_plain(folder / 'mine.pth', weights)
    return Source.from_file(folder / 'mine.pth')


def built(path: Path) -> Any:
    """The model of a config with the weights that its `init_cfg` names."""
    cfg = Config.fromfile(path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def backbone_of(checkpoint: Path) -> Mapping[str, torch.Tensor]:
    state = load_checkpoint(checkpoint)['state_dict']
    cut = {key.removeprefix('backbone.'): value for key, value in state.items()}
    return {key: cut[key] for key in cut if f'backbone.{key}' in state}


@pytest.mark.parametrize('task', recipes())
def test_every_task_gets_the_net(tmp_path: Path, task: str) -> None:
    arch = SPACE.sample(random.Random(1))
    source = written(tmp_path, arch)
    config, weights = sorted(transfer(source, [task]), key=lambda path: path.suffix == '.pth')
    assert (config.name, config.parent) == (f'mine_{task}.py', tmp_path)
    assert weights.name == f'mine_backbone{"_single" if task in SINGLE else ""}.pth'
    model = built(config)
    expected = pruned(single_scale(arch)) if task in SINGLE else arch
    assert model.backbone.arch == expected
    for key, value in model.backbone.state_dict().items():
        if expected == arch:
            assert torch.equal(value, source.state[key]), key
    # The same maps come out, and every weight is used: nothing is left for DDP to wait for.
    image = torch.rand(1, 3, 64, 96)
    whole = ScaleHRNet(arch)
    whole.load_state_dict(source.state)
    with torch.no_grad():
        maps = whole.eval()(image)
        mine = model.backbone.eval()(image)
    assert len(mine) == (1 if task in SINGLE else 4)
    for one, other in zip(mine, maps, strict=False):
        assert torch.equal(one, other)
    assert trace(model.backbone, (64, 64))['params'] == sum(
        p.numel() for p in model.backbone.parameters()
    )


def test_a_pruned_net_takes_its_weights_under_new_names(tmp_path: Path) -> None:
    """Without its dead last steps a module numbers its fusions anew."""
    rng = random.Random(0)
    archs = [arch for arch in (SPACE.sample(rng) for _ in range(60)) if renumbered(arch)]
    assert archs
    source = written(tmp_path, archs[0])
    transfer(source, ['pose'])
    single = ScaleHRNet(pruned(single_scale(archs[0]))).eval()
    single.load_state_dict(backbone_of(tmp_path / 'mine_backbone_single.pth'))
    whole = ScaleHRNet(archs[0]).eval()
    whole.load_state_dict(source.state)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(single(image)[0], whole(image)[0])


def renumbered(arch: HRArch) -> bool:
    end = pruned(single_scale(arch)).modules[-1]
    return end.num_steps < arch.modules[-1].num_steps and bool(end.fusions[-1][0])


def step(cfg: Config, folder: Path, scope: str) -> Any:
    """One training step and a validation of the config in small; the runner."""
    assert cfg.default_scope == scope
    cfg = shrink(cfg, Worlds(folder / 'worlds'), folder / scope)
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    runner = build_runner(cfg, ('train_dataloader', 'val_dataloader'))
    runner.train()
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(losses) == 1
    assert 0 < losses[0] < float('inf')
    return runner


def test_a_walk_from_segmentation_to_detection_to_pose(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    """An exported segmentation net; trained on as a detector; that detector's as a pose net."""
    segmentation = Source.from_file(root / 'out/drawn.pth')
    (detection,) = (
        p for p in transfer(segmentation, ['faster_rcnn'], tmp_path) if p.suffix == '.py'
    )
    start = built(detection)
    for key, value in segmentation.state.items():
        assert torch.equal(start.backbone.state_dict()[key], value), key
    runner = step(Config.fromfile(detection), tmp_path, 'mmdet')
    assert {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox'} <= {
        name.removeprefix('train/') for name in runner.message_hub.log_scalars
    }
    trained = tmp_path / 'mmdet/iter_1.pth'
    moved = backbone_of(trained)
    assert not torch.equal(moved['conv1.weight'], segmentation.state['conv1.weight'])

    detector = Source.from_file(trained, root / 'out/drawn.yaml')
    (pose,) = (p for p in transfer(detector, ['pose'], tmp_path) if p.suffix == '.py')
    assert pose.name == 'iter_1_pose.py'
    start = built(pose)
    own = start.backbone.state_dict()
    shared = [key for key in own if key in moved and not key.startswith('stage4.0.fuse')]
    assert len(shared) > 0.7 * len(own)
    for key in shared:
        assert torch.equal(own[key], moved[key]), key
    runner = step(Config.fromfile(pose), tmp_path, 'mmpose')
    assert 'train/loss_kpt' in runner.message_hub.log_scalars
    assert any('AP' in name for name in MessageHub.get_current_instance().log_scalars)

    # The top-down net, trained, as a bottom-up one: its arch is the pruned one of before.
    top_down = tmp_path / 'top_down.yaml'
    top_down.write_text(dump(start.backbone.arch))
    net = Source.from_file(tmp_path / 'mmpose/iter_1.pth', top_down)
    (bottom_up,) = (
        p for p in transfer(net, ['pose_bottomup'], tmp_path / 'up') if p.suffix == '.py'
    )
    own = built(bottom_up).backbone.state_dict()
    assert own.keys() == net.state.keys()
    assert all(torch.equal(own[key], net.state[key]) for key in own)
    runner = step(Config.fromfile(bottom_up), tmp_path / 'up', 'mmpose')
    assert {'train/loss_pull', 'train/loss_heatmaps_fine'} <= set(runner.message_hub.log_scalars)


def test_into_a_config_of_ones_own(tmp_path: Path) -> None:
    source = written(tmp_path, SPACE.largest())
    own = tmp_path / 'own.py'
    text = Path(REPO / recipes()['faster_rcnn']).read_text().replace('../../', f'{REPO}/configs/')
    own.write_text(text + "\nmodel['roi_head'] = dict(bbox_head=dict(num_classes=1))\n")
    config, _ = sorted(
        transfer(source, ['trees'], tmp_path / 'out', own), key=lambda p: p.suffix == '.pth'
    )
    cfg = Config.fromfile(config)
    assert config.name == 'mine_trees.py'
    assert cfg.model.roi_head.bbox_head.num_classes == 1
    assert from_dict(cfg.model.backbone.arch.to_dict()) == SPACE.largest()
    assert cfg.model.neck.in_channels == [8, 16, 32, 64]


@pytest.mark.parametrize(
    ('name', 'problem'), [('none.py', 'no such config'), ('broken.py', 'not python')]
)
def test_a_config_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, problem: str) -> None:
    source = written(tmp_path, SPACE.smallest())
    (tmp_path / 'broken.py').write_text('a = (')
    with raises(ConfigError, where=tmp_path / name, problem=contains(problem)):
        transfer(source, ['trees'], tmp_path / 'out', tmp_path / name)
    assert not list((tmp_path / 'out').iterdir())


def test_a_net_with_its_finest_map_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A searched pose net in a detector: said aloud, for its neck gets one map instead of four."""
    said: list[str] = []
    module = import_module('scalenas.export.transfer')  # the package has a function of that name
    monkeypatch.setattr(module, 'print_log', lambda text, *_: said.append(text))
    arch = single_scale(SPACE.largest())
    source = written(tmp_path, arch)
    transfer(source, ['pose_bottomup'])
    assert not said
    transfer(source, ['faster_rcnn'])
    assert ['faster_rcnn: its recipe takes maps of several sizes' in line for line in said] == [
        True
    ]
    model = built(tmp_path / 'mine_faster_rcnn.py')
    assert model.neck.in_channels == [arch.out_channels[0]]
    model = built(tmp_path / 'mine_pose_bottomup.py').eval()
    with torch.no_grad():
        first, second = model(torch.rand(1, 3, 64, 96), None, mode='tensor')
    assert (first.shape, second.shape) == ((1, 34, 16, 24), (1, 17, 32, 48))


@pytest.mark.parametrize('name', ['scalenet_s0', 'regnety_200mf'])
def test_nets_that_end_in_one_map_are_transferred_too(tmp_path: Path, name: str) -> None:
    """Under a dense head without the last convolution; to pose and detection not at all."""
    arch = named(name).scaled(Scaling(width=0.25), NEAREST)
    source = written(tmp_path, arch)
    transfer(source, ['cls', 'seg'])
    image = torch.rand(1, 3, 64, 64)
    classifier, dense = (built(tmp_path / f'mine_{task}.py').backbone for task in ('cls', 'seg'))
    assert classifier.arch == arch
    assert dense.arch == arch_for_head(arch, SegHead(19))
    for key, value in classifier.state_dict().items():
        assert torch.equal(value, source.state[key]), key
    for key, value in dense.state_dict().items():
        assert torch.equal(value, source.state[key]), key
    with torch.no_grad():
        assert len(dense.eval()(image)) == len(dense.arch.features((64, 64)))
    for task in ('pose', 'faster_rcnn'):
        with pytest.raises(ExportError) as error:
            transfer(source, [task])
        assert error.value.got == arch.family


def test_the_files_may_move_together(tmp_path: Path) -> None:
    source = written(tmp_path / 'here', SPACE.smallest())
    transfer(source, ['cls'])
    (tmp_path / 'here').rename(tmp_path / 'there')
    model = built(tmp_path / 'there/mine_cls.py')
    assert torch.equal(model.backbone.conv1.weight, source.state['conv1.weight'])


def test_mistakes_get_one_line_and_nothing_is_overwritten(tmp_path: Path) -> None:
    source = written(tmp_path, SPACE.smallest())
    (tmp_path / 'mine_seg.py').write_text('kept')
    (tmp_path / 'alone.pth').write_bytes((tmp_path / 'mine.pth').read_bytes())
    other = SPACE.largest()
    (tmp_path / 'other.yaml').write_text(dump(other))
    (tmp_path / 'own.py').write_text("model = dict(backbone=dict(type='ResNet'))")
    before = sorted(tmp_path.iterdir())
    own = tmp_path / 'own.py'
    cases: list[tuple[Callable[[], object], dict[str, Any]]] = [
        (lambda: transfer(source, ['segm']), {'got': 'segm', 'hint': contains("'seg'")}),
        (lambda: transfer(source, ['cls', 'seg']), {'where': tmp_path / 'mine_seg.py'}),
        (
            lambda: transfer(source, ['a', 'b'], None, 'own.py'),
            {'where': '--config', 'got': ['a', 'b']},
        ),
        (
            lambda: transfer(source, ['x'], None, own),
            {'where': f'{own}: model.backbone.type', 'got': 'ResNet'},
        ),
        (lambda: Source.from_file(tmp_path / 'mine.yaml'), {'where': tmp_path / 'mine.yaml'}),
        (
            lambda: Source.from_file(tmp_path / 'alone.pth'),
            {'where': tmp_path / 'alone.pth', 'problem': contains('alone.yaml')},
        ),
        (lambda: Source.from_file(tmp_path / 'none.pth'), {'where': tmp_path / 'none.pth'}),
        (
            lambda: Source.from_file(tmp_path / 'mine.pth', tmp_path / 'other.yaml'),
            {'where': contains(f'{tmp_path / "mine.pth"}: backbone.')},
        ),
    ]
    for act, fields in cases:
        with raises(**fields):
            act()
    assert (tmp_path / 'mine_seg.py').read_text() == 'kept'
    assert sorted(tmp_path.iterdir()) == before
    assert issubclass(ExportError, UserError)


def test_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, SPACE.smallest())
    for task, code in (('cls', 0), ('clas', 2)):
        monkeypatch.setattr('sys.argv', ['transfer.py', str(tmp_path / 'mine.pth'), task])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(REPO / 'tools/transfer.py'), run_name='__main__')
        assert end.value.code == code
    shown = capsys.readouterr()
    assert f'train it: python tools/train.py {tmp_path}/mine_cls.py' in shown.out
    assert shown.err.splitlines()[-1].startswith('error: task: expected one of')
