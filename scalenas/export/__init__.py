"""From a supernet's weights to an ordinary network: slice, verify, write."""

from scalenas.errors import ExportError

from .choose import Choice, choose
from .command import recorded
from .subnet import Exported, export_subnet, load_exported, subnet_state
from .transfer import TASKS, Source, transfer
from .verify import Difference, difference

__all__ = [
    'TASKS',
    'Choice',
    'Difference',
    'ExportError',
    'Exported',
    'Source',
    'choose',
    'difference',
    'export_subnet',
    'load_exported',
    'recorded',
    'subnet_state',
    'transfer',
]
