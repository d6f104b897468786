"""Train one weight-shared network, search it, export any of its sub-networks."""

from . import builtin_families  # noqa: F401 - registers the built-in families
from .api import create, grow, list_archs
from .family import Family, WeightMap, families, family_named, family_of, register_family
from .version import __version__, version_info

__all__ = [
    'Family',
    'WeightMap',
    '__version__',
    'create',
    'families',
    'family_named',
    'family_of',
    'grow',
    'list_archs',
    'register_family',
    'version_info',
]
