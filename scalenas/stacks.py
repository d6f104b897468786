"""Which OpenMMLab distributions are installed: the two families share import names and files."""

from __future__ import annotations

import warnings
from importlib.metadata import PackageNotFoundError, version

# Import name -> the distributions that put files there. Asking for these by name takes 6 ms;
# importlib.metadata.packages_distributions() reads all file lists, which takes 20 times as long.
DISTRIBUTIONS = {
    'mmengine': ('onedl-mmengine', 'mmengine', 'mmengine-lite'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmdet': ('onedl-mmdetection', 'mmdet'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
    'mmpose': ('onedl-mmpose', 'mmpose'),
}

NEED_OPERATORS = ('mmdet', 'mmpose')
"""Packages that import, but whose models do not work, where mmcv's operators are not compiled."""


class MixedStacksWarning(UserWarning):
    """Two distributions own the same import name."""


def installed(module: str) -> dict[str, str]:
    """Distribution -> version of all that provide one OpenMMLab import name."""
    versions = {}
    for name in DISTRIBUTIONS[module]:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def installed_twice() -> dict[str, dict[str, str]]:
    """Import name -> its distributions, where several overwrite each other's files."""
    every = {module: installed(module) for module in DISTRIBUTIONS}
    return {module: versions for module, versions in every.items() if len(versions) > 1}


def remedy(module: str, versions: dict[str, str]) -> str:
    """One line: what is mixed, and how to get one family back."""
    names = ' and '.join(f'{name} {number}' for name, number in versions.items())
    everything = ' '.join(versions)
    return (
        f'{module} is installed twice, by {names}, and each has overwritten files of the other: '
        f'run `pip uninstall -y {everything}`, then install one of them again'
    )


def warn_of_mixed_stacks() -> None:
    """Warn, once a process, of every import name with two owners."""
    for module, versions in installed_twice().items():
        warnings.warn(remedy(module, versions), MixedStacksWarning, stacklevel=3)
