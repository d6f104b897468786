"""Who knows a task package by name: its own page, and those who must."""

from __future__ import annotations

import pytest

from scalenas.tasks import tasks

from .naming import TASK_PACKAGES, modules_that_name, names_in

ROOMS = ('tasks/', 'pose/')
"""The pages of the packages; and what mmpose has not, made of classes of mmpose."""

BRIDGES = (
    'registry.py',
    'stacks.py',
    'datasets/mmseg_datasets.py',
    'datasets/mmpretrain_datasets.py',
)
"""What must know names before anything can be imported, and data sets that are subclasses."""

WEIGHTS = ('builtin_families.py', 'models/mbconv.py', 'models/regnet.py')
"""Where weights that somebody else trained come from, timm among them."""


def modules_beyond_the_pages() -> dict[str, list[tuple[int, str]]]:
    """Path below the package -> lines and words, of modules outside of `ROOMS`."""
    known = modules_that_name(TASK_PACKAGES)
    return {path: names for path, names in known.items() if not path.startswith(ROOMS)}


def test_no_other_module_knows_a_task_package() -> None:
    assert set(modules_beyond_the_pages()) <= {*BRIDGES, *WEIGHTS}


def test_what_may_know_one_does() -> None:
    """So that the list above gets no longer than it must be."""
    known = set(modules_that_name(TASK_PACKAGES))
    assert {*BRIDGES, *WEIGHTS} <= known
    for room in ROOMS:
        assert any(path.startswith(room) for path in known)


@pytest.mark.parametrize(
    ('source', 'found'),
    [
        ('import mmseg', ['mmseg']),
        ('def f():\n    from mmpose.apis import x', ['mmpose.apis']),
        ("KIND = f'{x}mmdet.{y}'", ['mmdet.']),
        ('mmpretrain_keys = 1', ['mmpretrain_keys']),
        ('x.mmseg = 1', ['mmseg']),
        ('f(mmseg=1)', ['mmseg']),
        ("NAMES = ('onedl-mmsegmentation',)", ['onedl-mmsegmentation']),
        ('"""As in mmseg."""\nX = 1\n"""As in mmseg."""', []),
        ('class A:\n    """mmseg"""\n\n    x = 1  # mmseg\n    """mmdet"""', []),
    ],
)
def test_names_are_found_in_code_alone(source: str, found: list[str]) -> None:
    assert [text for _, text in names_in(source, TASK_PACKAGES)] == found


def test_each_package_has_one_page() -> None:
    for task in tasks():
        names = [
            path
            for path, _ in modules_that_name(f'^{task.package}$').items()
            if path.startswith('tasks/')
        ]
        assert names == [f'{type(task).__module__.removeprefix("scalenas.").replace(".", "/")}.py']
