"""Train one weight-shared network, search it, export any of its sub-networks."""

from .version import __version__, version_info

__all__ = ['__version__', 'version_info']
