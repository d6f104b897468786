"""The task packages, each on a page of its own, and what all of them are asked."""

from .classification import Classification
from .data import check_data
from .detection import Detection
from .heads import task_model
from .known import (
    register_task,
    task_of,
    task_of_class,
    task_of_model,
    task_of_samples,
    tasks,
)
from .label_maps.labels import LabelRule, check_batch
from .loading import watch
from .metrics import check_metrics, fit_truth, metric_names
from .pose import Pose
from .segmentation import Segmentation, label_rule
from .task import Task

__all__ = [
    'Classification',
    'Detection',
    'LabelRule',
    'Pose',
    'Segmentation',
    'Task',
    'check_batch',
    'check_data',
    'check_metrics',
    'fit_truth',
    'label_rule',
    'metric_names',
    'register_task',
    'task_model',
    'task_of',
    'task_of_class',
    'task_of_model',
    'task_of_samples',
    'tasks',
    'watch',
]
