"""The index of the shipped configs, as those who read it read it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from modelindex.load_model_index import load

from projects.zoo.model_index import INDEX, model_index
from tests.configs.shipped import CONFIGS, read

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope='module')
def models() -> list[dict]:
    index = yaml.safe_load((ROOT / INDEX).read_text())
    return [
        m for file in index['Import'] for m in yaml.safe_load((ROOT / file).read_text())['Models']
    ]


def test_the_files_are_what_would_be_written() -> None:
    for name, text in model_index().items():
        assert (ROOT / name).read_text(encoding='utf-8') == text, name


def test_every_config_stands_there_once(models: list[dict]) -> None:
    assert sorted(model['Config'] for model in models) == sorted(CONFIGS)
    names = [model['Name'] for model in models]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() for name in names), 'mim asks for them in lower case'
    assert not any('Weights' in model for model in models), 'none are shipped'


def test_results_are_printed_ones_and_say_so(models: list[dict]) -> None:
    by_name = {model['Name']: model for model in models}
    s1 = by_name['scalenas_s1_8xb3-484e_cityscapes-512x1024']
    assert s1['Results'] == [
        {
            'Task': 'Semantic Segmentation',
            'Dataset': 'Cityscapes',
            'Metrics': {'mIoU (paper)': 80.5},  # ScaleNAS, table 1
        }
    ]
    assert s1['Metadata']['Batch Size'] == 24
    assert s1['Metadata']['Parameters (M)'] == 25.3
    for model in models:
        for result in model.get('Results', []):
            assert all(name.endswith(' (paper)') for name in result['Metrics'])
    assert sum('Results' in model for model in models) > 20


def test_batches_are_those_of_the_configs(models: list[dict]) -> None:
    for model in models:
        batch = model['Metadata'].get('Batch Size')
        if batch is not None:
            cfg = read(model['Config'])
            assert batch % cfg.train_dataloader.batch_size == 0, model['Name']


def test_model_index_finds_no_fault() -> None:
    """The package that mim and mmpretrain read such files with."""
    index = load(str(ROOT / INDEX))
    index.build_models_with_collections()
    assert index.check(silent=True) in ([], None)
    assert len(index.models) == len(CONFIGS)
    assert {model.in_collection for model in index.models} == {c.name for c in index.collections}


def test_mmpretrain_takes_them_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """So its `get_model` and `list_models` know ours, too."""
    from mmpretrain.apis import get_model, list_models
    from mmpretrain.apis.model import ModelHub

    list_models()  # its own first
    monkeypatch.setattr(ModelHub, '_models_dict', dict(ModelHub._models_dict))
    ModelHub.register_model_index(ROOT / INDEX, config_prefix=ROOT)
    assert 'scalenet_s3_8xb128-300e_imagenet' in list_models(
        'scalenet', task='Image Classification'
    )
    model = get_model('alone_scalenet_1xb64-600_digits-28x28')
    assert model.head.num_classes == 10
