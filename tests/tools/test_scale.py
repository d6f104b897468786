"""tools/scale.py: the table, the arch, a config that builds, and mistakes in one line."""

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from scalenas.arch import SegHead, from_file
from scalenas.complexity import Counter

from ..processes import run_tool


def run(*args, cwd):
    return run_tool('scale', *args, cwd=cwd)


@pytest.mark.parametrize(
    ('args', 'scope'),
    [
        (('regnetz_500mf', 'fast', '--max-macs', '4e9'), 'mmpretrain'),
        (('scalenas_s1', 'compound', '--factor', '2'), 'mmseg'),
    ],
)
def test_arch_and_config(args, scope, tmp_path):
    done = run(*args, '--out', 'big.yaml', '--config', 'big.py', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'G macs' in done.stdout
    arch = from_file(tmp_path / 'big.yaml')
    cfg = Config.fromfile(tmp_path / 'big.py')
    assert cfg.default_scope == scope
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(cfg.model)
    assert model.backbone.arch == arch


def test_a_dense_head_is_counted_on_the_network_that_is_written(tmp_path):
    """EfficientNet's last convolution is the classifier's: neither counted nor written."""
    command = ('efficientnet_b0', 'compound', '--factor', '2', '--head', 'seg:19')
    done = run(*command, '--out', 'big.yaml', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    arch = from_file(tmp_path / 'big.yaml')
    assert arch.conv_out is None
    params = Counter(arch.size, SegHead(19))(arch)['params']
    assert f'{params / 1e6:.3f}' == '6.040'
    assert ' 6.040 ' in done.stdout


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('regnetz_500mf', 'fast'), 'factor'),
        (('regnetz_500', 'fast', '--factor', '2'), 'regnetz_500mf'),
        (('regnetz_500mf', 'fst', '--factor', '2'), 'fst'),
        (
            ('regnetz_500mf', 'fast', '--factor', '2', '--head', 'cls:10', '--config', 'x.py'),
            'cls:10',
        ),
        (('scalenas_p2', 'depth', '--factor', '2', '--head', 'pose:17'), 'give --size H W'),
        (('resnet50', 'fast', '--factor', '2', '--out', 'x', '--config', './x'), 'two different'),
    ],
)
def test_a_mistake_is_one_line(args, message, tmp_path):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith('error: ')
    assert message in done.stderr
    assert done.stderr.count('\n') == 1
    assert not list(tmp_path.iterdir())


def test_what_has_no_recipe_leaves_no_file(tmp_path):
    command = ('efficientnet_b0', 'depth', '--factor', '2', '--head', 'pose:17')
    done = run(*command, '--out', 'big.yaml', '--config', 'big.py', cwd=tmp_path)
    assert done.returncode == 2
    assert 'the recipe for pose' in done.stderr
    assert "got 'mbconv'" in done.stderr
    assert not list(tmp_path.iterdir())
