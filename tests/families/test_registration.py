"""What `Family` and `register_family` refuse, and that nothing of it is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

import scalenas
from scalenas.arch import Arch
from scalenas.arch.hrnet import HRArch
from scalenas.errors import UserError
from scalenas.family import Family, families, family_named, family_of, register_family
from scalenas.registry import MODELS
from scalenas.tasks import register_task
from tests.errors import contains, raises


@pytest.fixture(autouse=True)
def unchanged() -> Any:
    """Families and types are what they were, whatever was refused."""
    assert MODELS.get('SuperNet') is not None  # which imports all types
    before = families(), dict(MODELS.module_dict)
    yield
    assert (families(), dict(MODELS.module_dict)) == before


def family(name: str = 'odd', **parts: Any) -> Family:
    return Family(name, arch=HRArch, **parts)


@pytest.mark.parametrize(
    ('parts', 'where'),
    [
        ({'name': ''}, 'family.name'),
        ({'name': 'two words'}, 'family.name'),
        ({'name': 3}, 'family.name'),
        ({'net': 'scalenas.models.hrnet'}, 'family odd.net'),
        ({'space': ''}, 'family odd.space'),
        ({'supernets': 'a:B'}, 'family odd.supernets'),
        ({'supernets': ('B',)}, 'family odd.supernets[0]'),
        ({'spaces': ['x']}, 'family odd.spaces'),
        ({'spaces': {'x': 'y'}}, "family odd.spaces['x']"),
        ({'roles': ['depth']}, 'family odd.roles'),
        ({'roles': {'deep': '*'}}, 'family odd.roles'),
    ],
)
def test_a_family_with_a_part_that_is_none_is_refused(parts: dict[str, Any], where: str) -> None:
    with raises(UserError, where=where):
        family(**parts)


def test_a_taken_name_is_refused() -> None:
    with raises(UserError, where='register_family', got='hrnet', hint=contains('force')):
        register_family(family('hrnet'))
    with raises(UserError, where='register_family', got='hrnet'):
        register_family('hrnet')  # type: ignore[arg-type]


class SuperNet(nn.Module):
    """Has the name of the training wrapper."""


class ScaleRegNet(nn.Module):
    """Has the name of another family's net."""


@pytest.mark.parametrize('parts', [{'supernets': (SuperNet,)}, {'net': ScaleRegNet}])
def test_the_type_of_something_else_is_refused(parts: dict[str, Any]) -> None:

    name = (parts.get('net') or parts['supernets'][0]).__name__
    assert MODELS.get(name) is not None
    with raises(UserError, where='family odd', got=f'scalenas.{name}'):
        register_family(family(**parts))


def test_a_net_that_is_no_module_leaves_nothing_behind() -> None:
    with raises(UserError, where='family odd', got=3):
        register_family(family(net=3))


def test_the_space_of_another_family_is_refused() -> None:
    with raises(UserError, where='family odd.spaces', got='scalenas_w32'):
        register_family(family(spaces={'scalenas_w32': lambda: None}))


def test_force_replaces_a_family_and_its_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    from scalenas import family as module
    from scalenas.models import families as nets

    class OddNet(nn.Module):
        pass

    first = OddNet

    class OddNet(nn.Module):  # type: ignore[no-redef]
        pass

    monkeypatch.setattr(module, '_REGISTERED', dict(module._REGISTERED))
    monkeypatch.setattr(nets, '_OWNERS', dict(nets._OWNERS))
    monkeypatch.setattr(MODELS, '_module_dict', dict(MODELS._module_dict))
    register_family(family(net=first))
    assert MODELS.get('OddNet') is first
    again = register_family(family(net=OddNet), force=True)
    assert MODELS.get('OddNet') is OddNet
    assert family_named('odd') is again
    monkeypatch.undo()


@pytest.mark.parametrize('name', ['hrnt', [], 3, None])
def test_an_unknown_family_is_one_line(name: Any) -> None:
    with raises(UserError, where='family', got=name):
        family_named(name)
    if name == 'hrnt':
        with raises(UserError, hint="did you mean 'hrnet'?"):
            family_named(name)


@pytest.mark.parametrize('arch', ['scalenas_s1', None, 3])
def test_what_is_no_arch_has_no_family(arch: Any) -> None:
    with raises(UserError, where='arch', got=arch):
        family_of(arch)


def test_a_task_is_a_class_of_tasks() -> None:
    for kind in (int, 3):
        with raises(UserError, where='register_task', got=lambda got, kind=kind: got is kind):
            register_task(kind)  # type: ignore[arg-type]


def test_options_that_a_backbone_does_not_take_are_one_line() -> None:
    with raises(UserError, where='create: scalenas.ScaleMBConvNet', got={'foo': 3}):
        scalenas.create('efficientnet_b0', foo=3)


def test_genes_have_names_of_their_own() -> None:
    from scalenas.space import AbstractSpace, Gene, SpaceError

    class Odd(AbstractSpace[Arch]):
        _build = _read = _shrink = to_dict = None  # type: ignore[assignment]

    Odd.__abstractmethods__ = frozenset()
    with raises(SpaceError, where='genes', got='a'):
        Odd([Gene('a', (1, 2), 'u'), Gene('a', (1, 2), 'u')])
    with raises(SpaceError, where='gene b', got='a'):
        Odd([Gene('b', (1, 2), 'u', 'a', frozenset({1}))])
