"""What a candidate of a search costs beyond its forwards, on the demo's search config."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import torch
from mmengine.config import Config
from paired import ratio

from projects.demo_data.demo import make_scenes
from projects.demo_data.scenes import CLASSES, SceneRecipe
from scalenas.evaluation import SubnetEvaluator, calibrated
from scalenas.evaluation.evaluator import build_model
from scalenas.evaluation.supernet import active_norms
from scalenas.models.checkpoint import save_plain
from scalenas.models.supernet import supernet_of
from scalenas.paths import resource

CONFIG = 'configs/scalenas_seg/earth/search_w16_earth-96x96.py'


def evaluator(folder: Path) -> SubnetEvaluator:
    """Of the demo's supernet with random weights, on procedural images as many as the demo's."""
    recipe = SceneRecipe(size=(96, 96))
    make_scenes(folder / 'data', (351, 83, 110), recipe=recipe)
    cfg = Config.fromfile(resource(CONFIG))
    for name in ('search_dataloader', 'calibration_dataloader'):
        dataset = cfg[name]['dataset']
        dataset['metainfo'], dataset['data_root'] = {'classes': CLASSES}, str(folder / 'data')
    cfg.model.architecture.decode_head.num_classes = len(CLASSES)
    torch.manual_seed(0)
    model = build_model(cfg)
    meta = {'scalenas': {'space': supernet_of(model).space.to_dict()}}
    save_plain(folder / 'supernet.pth', model.state_dict(), meta)
    return SubnetEvaluator.from_config(cfg, folder / 'supernet.pth')


def overhead(pairs: int) -> dict[str, float]:
    """Time of a whole candidate over that of its calibration and validation forwards alone."""
    with tempfile.TemporaryDirectory() as folder:
        evaluate = evaluator(Path(folder))
        arch = evaluate.space.sample(random.Random(1))
        model = evaluate.model
        evaluate(arch)  # reads the images
        calibration, validation = list(evaluate.calibration), list(evaluate.validation)

        def forwards() -> None:
            with torch.no_grad():
                for norm in norms:
                    norm.train()
                for batch in calibration:
                    model(**batch, mode='tensor')
                for norm in norms:
                    norm.eval()
                for batch in validation:
                    samples = [sample.new() for sample in batch['data_samples']]
                    model(inputs=batch['inputs'], data_samples=samples, mode='predict')

        # Calibrated, for statistics far off make maps of denormal numbers, which are slow.
        with calibrated(model, arch, evaluate.calibration):
            norms = [norm for _, norm in active_norms(model, arch)]
            for norm in norms:
                norm.momentum = 0.0
            return ratio(lambda: evaluate(arch), forwards, pairs)
