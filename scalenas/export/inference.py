"""What the packages' own inference reads from a config, beside what training and testing read.

`init_model`, `inference_model` and the inferencers look for variables by name that no run needs,
and that a config written from a running one so may lack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalenas.tasks import task_of


def inference_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What inference needs, read off the variables of a whole config: those of its test split.

    Not copied from variables of these names: a config may have changed the loader and not them.
    """
    task = task_of(variables)
    dataset = _innermost(variables.get('test_dataloader', {}).get('dataset') or {})
    found: dict[str, Any] = {}
    if dataset.get('pipeline'):
        found['test_pipeline'] = dataset['pipeline']
    found |= task.inference_variables(variables, dataset)
    if task.visualizer and not variables.get('visualizer'):
        backends = [{'type': 'LocalVisBackend'}]
        found['visualizer'] = {
            'type': task.visualizer,
            'vis_backends': backends,
            'name': 'visualizer',
        }
    return {name: value for name, value in found.items() if value is not None}


def _innermost(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data set with a pipeline inside of wrappers, of several the first."""
    while not dataset.get('pipeline'):
        parts = dataset.get('dataset') or dataset.get('datasets')
        inner = parts[0] if isinstance(parts, list | tuple) and parts else parts
        if not isinstance(inner, Mapping):
            return dataset
        dataset = inner
    return dataset
