"""A candidate of a search: what it costs beyond its forwards, and without what no gene touches.

The demo's search config, on procedural images; with another space for W32.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

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
from scalenas.space import HRSpace

CONFIG = 'configs/scalenas_seg/earth/search_w16_earth-96x96.py'
DEMO = ((96, 96), (351, 83, 110))
W32 = ((128, 256), (24, 16, 1))
"""Size of the images, and how many there are to train, to search and to test with."""


def config(
    folder: Path, scenes: tuple[tuple[int, int], tuple[int, int, int]], space: HRSpace | None
) -> Config:
    """Of a supernet with random weights, which is written, too: `supernet.pth`."""
    size, counts = scenes
    make_scenes(folder / 'data', counts, recipe=SceneRecipe(size=size))
    cfg = Config.fromfile(resource(CONFIG))
    for name in ('search_dataloader', 'calibration_dataloader'):
        dataset = cfg[name]['dataset']
        dataset['metainfo'], dataset['data_root'] = {'classes': CLASSES}, str(folder / 'data')
    model, head = cfg.model.architecture, cfg.model.architecture.decode_head
    head.num_classes, head.loss_decode.class_weight = len(CLASSES), None
    if space is not None:
        channels = list(space.largest().out_channels)
        model.backbone.space, head.in_channels = space.to_dict(), channels
        head.channels = sum(channels)
    torch.manual_seed(0)
    built = build_model(cfg)
    meta = {'scalenas': {'space': supernet_of(built).space.to_dict()}}
    save_plain(folder / 'supernet.pth', built.state_dict(), meta)
    return cfg


def evaluator(cfg: Config, folder: Path, cache: Any) -> SubnetEvaluator:
    """With this `search.cache_prefix`."""
    cfg.search.cache_prefix = cache
    return SubnetEvaluator.from_config(cfg, folder / 'supernet.pth')


def cached(pairs: int, w32: bool) -> dict[str, float]:
    """Time of a candidate of which the beginning is known over that of one of which it is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cfg = config(folder, W32, HRSpace(32)) if w32 else config(folder, DEMO, None)
        ours, theirs = (evaluator(cfg, folder, cache) for cache in ('2GiB', False))
        arch = ours.space.sample(random.Random(1))
        assert ours(arch) == theirs(arch)
        return ratio(lambda: ours(arch), lambda: theirs(arch), pairs, warmup=1)


def overhead(pairs: int) -> dict[str, float]:
    """Time of a whole candidate over that of its calibration and validation forwards alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evaluate = evaluator(config(folder, DEMO, None), folder, False)
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
