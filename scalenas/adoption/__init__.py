"""From a stock config of a task package to a search, and from an exported net back into one."""

from .adopt import adopt
from .init import Options, init
from .steps import run

__all__ = ['Options', 'adopt', 'init', 'run']
