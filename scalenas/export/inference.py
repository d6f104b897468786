"""What the packages' own inference reads from a config, beside what training and testing read.

`init_model`, `inference_model` and the inferencers of mmseg, mmdet, mmpose and mmpretrain look for
variables by name that no run needs, and that a config written from a running one so may lack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INFERENCE = ('test_pipeline', 'data_mode', 'dataset_type', 'codec')
"""mmseg reads the first; mmpose the others, and so does mmdeploy."""
VISUALIZERS = {
    'mmseg': 'SegLocalVisualizer',
    'mmdet': 'DetLocalVisualizer',
    'mmpose': 'PoseLocalVisualizer',
    'mmpretrain': 'UniversalVisualizer',
}
"""Package -> what its inferencer draws with, and in mmseg and mmpose cannot do without."""


def inference_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What inference needs, read off the variables of a whole config: those of its test split.

    Not copied from variables of these names: a config may have changed the loader and not them.
    """
    scope = variables.get('default_scope')
    dataset = _innermost(variables.get('test_dataloader', {}).get('dataset') or {})
    found: dict[str, Any] = {}
    if dataset.get('pipeline'):
        found['test_pipeline'] = dataset['pipeline']
    if scope == 'mmpose' and dataset:
        found['data_mode'] = dataset.get('data_mode', 'topdown')  # as mmpose's data sets have it
        found['dataset_type'] = dataset['type']
        model = variables.get('model', {})
        found['codec'] = (model.get('head') or {}).get('decoder') or variables.get('codec')
    if scope in VISUALIZERS and not variables.get('visualizer'):
        backends = [{'type': 'LocalVisBackend'}]
        found['visualizer'] = {
            'type': VISUALIZERS[scope],
            'vis_backends': backends,
            'name': 'visualizer',
        }
    return {name: value for name, value in found.items() if value is not None}


def _innermost(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data set with a pipeline inside of wrappers, of several the first, as mmdet takes it."""
    while not dataset.get('pipeline'):
        parts = dataset.get('dataset') or dataset.get('datasets')
        inner = parts[0] if isinstance(parts, list | tuple) and parts else parts
        if not isinstance(inner, Mapping):
            return dataset
        dataset = inner
    return dataset
