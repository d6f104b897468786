"""From a supernet's weights to an ordinary network: slice, verify, write."""

from scalenas.errors import ExportError

from .choose import Choice, choose
from .files import recorded
from .graphs import Graphs
from .recipe import recipes
from .subnet import Exported, export_subnet, load_exported, subnet_state
from .transfer import Source, transfer
from .verify import Difference, difference

__all__ = [
    'Choice',
    'Difference',
    'ExportError',
    'Exported',
    'Graphs',
    'Source',
    'choose',
    'difference',
    'export_subnet',
    'load_exported',
    'recipes',
    'recorded',
    'subnet_state',
    'transfer',
]
