"""Top-down pose recipes: the published costs, the paper's settings, and splits that do not meet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from scalenas.arch import HRArch, find, pruned
from scalenas.complexity import SCALENAS, Counter
from scalenas.evaluation.trace import trace
from scalenas.models import ScaleHRNet
from scalenas.registry import MODELS
from scalenas.sampling import from_dict as sampler_of
from scalenas.space import from_dict as space_of
from scalenas.training.losses import weighted_mse

from .header import check_line_of_the_teacher
from .shrink import Worlds, shrink

REPO = Path(__file__).parents[2]
POSE = REPO / 'configs' / 'scalenas_pose'
CONFIGS = {path.stem: path for folder in ('coco', 'mpii') for path in (POSE / folder).glob('*.py')}
ROWS = {  # table 2: parameters in millions, Gi multiply-adds; exact where a release was counted
    'hrnet_w48_8xb48-210e_coco-256x192': ('63.6', '14.6', None),
    'hrnet_w48_8xb12-210e_coco-384x288': ('63.6', '32.9', None),
    'scalenas_p2_8xb48-20e_coco-256x192': ('35.6', '8.0', (35_614_321, 8_603_664_384)),
    'scalenas_p3_8xb12-20e_coco-384x288': ('26.2', '14.3', None),
    'scalenas_p4_8xb12-20e_coco-384x288': ('64.3', '32.6', (64_279_649, 34_993_078_272)),
    'hrnet_w32_8xb48-210e_mpii-256x256': ('28.5', '9.5', None),
    'scalenas_p1_8xb48-210e_mpii-256x256': ('28.5', '9.3', None),
}


def size_of(name: str) -> tuple[int, int]:
    height, width = re.search(r'-(\d+)x(\d+)$', name).groups()
    return int(height), int(width)


def built(name: str) -> tuple[Config, torch.nn.Module]:
    cfg = Config.fromfile(CONFIGS[name])
    with DefaultScope.overwrite_default_scope('mmpose'), torch.device('meta'):
        return cfg, MODELS.build(cfg.model)


@pytest.mark.parametrize('name', ROWS)
def test_rows_of_the_paper_cost_what_it_prints(name: str) -> None:
    """Counted twice: read off the built model as it runs, and from the arch with its head."""
    params, gimac, exact = ROWS[name]
    cfg, model = built(name)
    size = size_of(name)
    found = trace(model, size)
    assert f'{found["params"] / 1e6:.1f}' == params
    assert f'{found.gmacs(SCALENAS):.1f}' == gimac
    assert exact in (None, (found['params'], found['macs']))
    assert sum(p.numel() for p in model.parameters()) == found['params']
    backbone = model.backbone
    assert isinstance(backbone, ScaleHRNet)
    rest = trace(model, size, skip=[backbone])
    assert Counter(size, rest=rest)(find(cfg.model.backbone.arch)) == found
    # Where nothing reads a part, DDP must not wait for its gradient.
    arch = find(cfg.model.backbone.arch)
    assert cfg.get('find_unused_parameters', False) == (pruned(arch) != arch)
    codec = cfg.model.head.decoder
    assert (codec.input_size, codec.heatmap_size) == (size[::-1], (size[1] // 4, size[0] // 4))
    head = CONFIGS[name].read_text()
    assert f'{params} M parameters, {gimac} Gi' in head


@pytest.mark.parametrize('name', [n for n in CONFIGS if n.startswith('teacher')])
def test_bounds_of_the_supernets(name: str) -> None:
    """What the heads of teacher and supernet say; all 310 fusions are held, as in the release."""
    cfg, model = built(name)
    size = size_of(name)
    held = sum(p.numel() for p in model.parameters()) / 1e6
    backbone = model.backbone
    with backbone.active(backbone.space.smallest()):
        counter = Counter(size, rest=trace(model, size, skip=[backbone]))
    small, large = counter(backbone.space.smallest()), counter(backbone.space.largest())
    teacher = ' '.join(CONFIGS[name].read_text().replace('#', ' ').split())
    supernet = CONFIGS[name.replace('teacher', 'supernet')].read_text().replace('#', ' ')
    largest = f'{large.gmacs(SCALENAS):.3f} Gi'
    assert f'{held:.3f} M parameters held, head included, of which' in teacher
    assert f'the largest net runs {large["params"] / 1e6:.3f} M in {largest}' in teacher
    assert f'{small["params"] / 1e6:.3f} to {large["params"] / 1e6:.3f} M parameters' in supernet
    assert f'{small.gmacs(SCALENAS):.3f} to {largest}' in supernet
    if cfg.train_dataloader.dataset.type == 'CocoDataset':
        assert f'{held:.3f}' == {32: '47.610', 48: '106.461'}[backbone.space.width]


@pytest.mark.parametrize('name', [n for n in ROWS if 'scalenas' in n])
def test_the_published_nets_are_in_the_searched_spaces(name: str) -> None:
    arch = find(Config.fromfile(CONFIGS[name]).model.backbone.arch)
    assert isinstance(arch, HRArch)
    width = arch.stages[0].channels[0]
    search = f'search_w{width}_{name.rsplit("_", 1)[1]}'
    cfg = Config.fromfile(CONFIGS[search])
    space = space_of(cfg.model.architecture.backbone.space)
    assert arch in space
    assert cfg.search.size == size_of(name)


@pytest.mark.parametrize('name', CONFIGS)
def test_the_recipe_of_the_paper(name: str) -> None:
    """Section 7.4: Adam, 0.001 falling at epochs 170 and 200 of 210, rotation, scale and flip."""
    cfg = Config.fromfile(CONFIGS[name])
    people = {'coco': 149_813, 'mpii': 22_246}[CONFIGS[name].parent.name]
    batch = 8 * cfg.train_dataloader.batch_size
    assert cfg.auto_scale_lr.base_batch_size == batch
    epoch = people / batch
    tuned = '-20e_' in name
    assert cfg.train_cfg.max_iters == round((20 if tuned else 210) * epoch)
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=0.0001 if tuned else 0.001)
    (drops,) = cfg.param_scheduler
    assert drops.milestones == [round(e * epoch) for e in ((15,) if tuned else (170, 200))]
    assert (drops.type, drops.gamma, drops.by_epoch) == ('MultiStepLR', 0.1, False)
    steps = {step.type: step for step in cfg.train_dataloader.dataset.pipeline}
    box = steps['scalenas.TopdownRandomBox']
    assert (box.scale, box.rotation) == (0.35, 45.0)
    assert steps['RandomFlip'].direction == 'horizontal'
    assert cfg.model.get('architecture', cfg.model).test_cfg.flip_test
    if cfg.model.get('distillation'):
        assert cfg.model.distillation.use_target_weight == ('released' not in name)
        assert cfg.model.distillation.weight == 1.0
        assert cfg.model.init_from.checkpoint.endswith(f'iter_{cfg.train_cfg.max_iters}.pth')
    if tuned:
        assert cfg.load_from == f'exported/{cfg.model.backbone.arch}.pth'
    if 'search' in cfg:
        wanted = {'coco': 'coco/AP', 'mpii': 'PCK'}[CONFIGS[name].parent.name]
        assert cfg.search.objectives[0] == (wanted, 'max')
        assert f'iter_{cfg.train_cfg.max_iters}.pth' in CONFIGS[name].read_text()


@pytest.mark.parametrize('name', [n for n in CONFIGS if n.startswith('supernet')])
def test_the_losses_are_those_of_the_release(name: str) -> None:
    """Half of the mean squared error per joint (HRNet's loss), and the whole one to the teacher."""
    model = Config.fromfile(CONFIGS[name]).model
    head = model.architecture.head
    with DefaultScope.overwrite_default_scope('mmpose'):
        task = MODELS.build(head.loss)
    rng = torch.Generator().manual_seed(0)
    joints = head.out_channels
    found, truth, teacher = (torch.rand(4, joints, 8, 6, generator=rng) for _ in range(3))
    weights = torch.randint(0, 2, (4, joints), generator=rng).float()
    masked = weights[..., None, None]
    per_joint = ((found * masked - truth * masked) ** 2).mean((0, 2, 3))
    torch.testing.assert_close(task(found, truth, weights), 0.5 * per_joint.mean())
    options = model.distillation
    assert options.weight == 1.0
    if options.use_target_weight:
        pull = weighted_mse(found, teacher, weights)
        torch.testing.assert_close(pull, ((found - teacher) ** 2 * masked).mean())


@pytest.mark.parametrize('name', [n for n in CONFIGS if 'released' in n])
def test_as_released(name: str) -> None:
    """The cycle of eleven from the net without fusions on; 15 x 67 first nets of a search."""
    cfg = Config.fromfile(CONFIGS[name])
    space = space_of(cfg.model.architecture.backbone.space)
    sampler = sampler_of(cfg.model.sampler.to_dict(), space)
    nets = [sampler.archs(step)[0] for step in range(11)]
    assert nets[0] == space.smallest()
    assert nets[-1] == space.largest()
    assert len(sampler.cycle) == 11
    assert (cfg.model.inactive, cfg.find_unused_parameters) == ('decay', False)
    if 'search' in cfg:
        algorithm = cfg.search.algorithm
        names = ('num_initial', 'initial', 'num_parents', 'p_crossover', 'p_mutation', 'cut')
        wanted = (1005, 'stratified', 100, 0.25, 0.2, 'cheapest')
        assert tuple(algorithm[key] for key in names) == wanted


@pytest.mark.parametrize('name', [n for n in CONFIGS if n.startswith('teacher')])
def test_teachers_start_from_imagenet_by_the_line_that_they_show(name: str) -> None:
    check_line_of_the_teacher(CONFIGS[name])


@pytest.mark.parametrize('name', ['search_w32_coco-256x192', 'search_w32_mpii-256x256'])
def test_the_search_sees_no_picture_of_training_or_report(name: str, tmp_path: Path) -> None:
    cfg = shrink(Config.fromfile(CONFIGS[name]), Worlds(tmp_path), tmp_path / 'work')
    seen = {}
    with DefaultScope.overwrite_default_scope('mmpose'):
        for loader in ('train', 'search', 'calibration', 'test'):
            dataset = DATASETS.build(cfg[f'{loader}_dataloader'].dataset)
            rows = range(len(dataset))
            seen[loader] = {dataset.get_data_info(i)['img_path'] for i in rows}
    assert all(seen.values())
    assert seen['search'].isdisjoint(seen['train'] | seen['test'])
    assert seen['calibration'] <= seen['train']
