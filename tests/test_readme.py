"""README, docs and heads of configs: Python runs, commands parse, named files are what exists."""

import functools
import re
import shlex
from pathlib import Path

import pytest
from mmengine.config import Config

from .exported import write_exported
from .processes import run_code, run_tool

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
CONFIGS = {
    path.stem: path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in str(path)
}
READERS = {
    *((page, name) for page in ('own_project', 'own_coco') for name in ('teacher', 'supernet')),
    ('adding_a_family', 'unet'),
}
SHELL = {'dist_train.sh': 'train.py', 'slurm_train.sh': 'train.py', 'dist_search.sh': 'search.py'}


def blocks(language):
    for page in PAGES:
        if page.stem in ('adding_a_family', 'deployment') and language == 'python':
            continue  # their blocks go on from each other: tests/families and tests/export run them
        for n, text in enumerate(re.findall(rf'```{language}\n(.*?)```', page.read_text(), re.S)):
            yield pytest.param(text, id=f'{page.stem}-{n}')


def tool_commands():
    seen = set()
    for page in PAGES:
        for text in re.findall(r'```bash\n(.*?)```', page.read_text(), re.S):
            for line in text.replace('\\\n', ' ').splitlines():
                line = line.partition(' #')[0].strip()
                if line.startswith('python tools/'):
                    tool = line.split()[1]
                    yield pytest.param(line, tool in seen, id=line[7:60])
                    seen.add(tool)


@pytest.mark.parametrize('text', list(blocks('python')))
def test_python_blocks_run(text, tmp_path):
    done = run_code(text, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_backbone_in_somebodys_config(tmp_path, monkeypatch):
    """README's block as it stands, in a plain mmseg model: builds, loads its weights, learns."""
    import torch
    from mmengine.registry import MODELS, DefaultScope
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    exported = write_exported(tmp_path / 'exported', width=8)
    backbones = [p.values[0] for p in blocks('python') if p.values[0].startswith('backbone = ')]
    (block,) = [text for text in backbones if "'exported/mine.yaml'" in text]
    monkeypatch.chdir(tmp_path)
    given = {}
    exec(block, given)
    head = dict(type='FCNHead', in_channels=8, in_index=0, channels=8, num_convs=1, num_classes=3)
    cfg = dict(type='EncoderDecoder', backbone=given['backbone'], decode_head=head, test_cfg={})
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg)
    model.init_weights()
    for key, value in exported.state_dict().items():
        assert torch.equal(value, model.backbone.state_dict()[key]), key
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (1, 64, 64), generator=rng)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    losses = model(torch.rand(2, 3, 64, 64, generator=rng), samples, mode='loss')
    losses['decode.loss_ce'].backward()
    optimizer.step()
    trained = model.backbone.state_dict()
    assert not torch.equal(trained['conv1.weight'], exported.state_dict()['conv1.weight'])


@pytest.mark.parametrize(('line', 'again'), list(tool_commands()))
def test_commands_are_accepted(line, again):
    """The tool's own parser takes the arguments: `--help` after them is reached, not an error."""
    words = shlex.split(line)[1:]
    for word in words:
        if word.startswith('configs/'):
            assert (ROOT / word).is_file(), word
    done = run_tool(ROOT / words[0], *words[1:], '--help', warm=again)
    assert done.returncode == 0, done.stderr
    flags = {word for word in words[1:] if word.startswith('--')}
    unknown = {flag for flag in flags if flag not in done.stdout}
    assert not unknown, f'{words[0]} does not know {unknown}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)#]+)\)', page.read_text()):
        if '://' not in target:
            assert (page.parent / target).exists(), f'{page.name}: {target}'


def test_checkpoints_are_what_the_named_training_leaves():
    """`work_dirs/NAME/iter_N.pth`: NAME is a shipped config, and it trains N iterations."""
    found = 0
    for page in [*PAGES, *CONFIGS.values()]:
        for name, iters in re.findall(r'work_dirs/([\w-]+)/iter_(\d+)\.pth', page.read_text()):
            if (page.stem, name) in READERS:
                continue  # the reader's own, which have tests of their own
            assert name in CONFIGS, f'{page.name}: {name} is no config'
            assert iterations(name) == int(iters), f'{page.name}: {name}/iter_{iters}.pth'
            found += 1
    assert found > 40


@functools.cache
def iterations(name):
    return Config.fromfile(CONFIGS[name]).train_cfg.max_iters


def test_options_in_the_heads_of_configs_are_known():
    asked = {}
    for path in CONFIGS.values():
        head = re.match(r'(#.*\n)+', path.read_text())[0]
        (command,) = re.findall(r'# Command: (.*(?:(?<=\\)\n#.*)*)', head)
        words = command.replace('#', ' ').replace('\\', ' ').split()
        (tool,) = [word.removeprefix('tools/') for word in words if word.startswith('tools/')]
        flags = {word for word in words if word.startswith('--')}
        asked.setdefault(SHELL.get(tool, tool), set()).update(flags)
        assert str(path.relative_to(ROOT)) in words
    assert {'train.py', 'test.py', 'search.py'} == set(asked)
    for tool, flags in asked.items():
        done = run_tool(ROOT / 'tools' / tool, '--help')
        unknown = {flag for flag in flags if flag not in done.stdout}
        assert not unknown, f'{tool} does not know {unknown}'
    assert '--cfg-options' in asked['train.py']
