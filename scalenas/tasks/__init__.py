"""What the task packages are asked about: data, labels, heads, metrics."""

from .coco.truth import fit_truth
from .data import check_data
from .heads import label_rule, task_model
from .label_maps.batch import check_batch
from .label_maps.labels import LabelRule
from .loading import watch

__all__ = [
    'LabelRule',
    'check_batch',
    'check_data',
    'fit_truth',
    'label_rule',
    'task_model',
    'watch',
]
