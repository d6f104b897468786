"""What a notebook has: archs and backbones by name, and short reprs."""

import importlib.util

import pytest

import scalenas
from scalenas.arch import ArchError, named
from scalenas.errors import UserError
from scalenas.space import scalenet_space
from tests.errors import raises


def test_archs_by_pattern_and_family() -> None:
    assert scalenas.list_archs('scalenas_s*') == [f'scalenas_s{n}' for n in (1, 2, 3, 4)]
    regnets = scalenas.list_archs(family='regnet')
    assert scalenas.list_archs('regnet*') == regnets[:-2]
    assert scalenas.list_archs('res*', family='regnet') == regnets[-2:] == ['resnet50', 'resnext50']
    with raises(UserError, where='family', got='resnet'):
        scalenas.list_archs(family='resnet')


def test_an_arch_at_a_prompt() -> None:
    arch, other = named('scalenas_s1'), named('scalenas_s2')
    assert len(repr(arch)) < 80
    assert arch.summary in repr(arch)
    assert repr(arch) != repr(other)
    assert repr(arch) == repr(named('scalenas_s1'))
    html = arch._repr_html_()
    assert html.count('<tr>') > 10
    assert '<HRArch' not in html  # escaped


def test_a_space_at_a_prompt() -> None:
    space = scalenet_space()
    assert len(repr(space)) < 80
    assert f'{len(space.genes)} genes' in repr(space)


@pytest.mark.skipif(importlib.util.find_spec('torch') is None, reason='torch is not installed')
def test_a_backbone_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    arch = named('scalenas_s1')
    for what in ('scalenas_s1', arch, arch.to_dict()):
        net = scalenas.create(what, norm_eval=True)
        assert net.norm_eval
    assert capsys.readouterr().out == ''
    shapes = [tuple(out.shape) for out in net(torch.zeros(2, 3, 65, 64))]
    assert shapes == [(2, f.channels, *f.size) for f in arch.features((65, 64))]
    with raises(ArchError, where='arch', got=3):
        scalenas.create(3)
