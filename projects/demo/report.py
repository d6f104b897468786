"""What a demo ends with: the table and the figures, of whichever demo."""

from __future__ import annotations

import json

from scalenas.staging import write_whole
from scalenas.trained_alone import stock_metrics

from . import Demo
from .demo_objects import draw_objects, draw_poses
from .demo_report import (
    against_uniform,
    demo_table,
    draw_demo,
    draw_segmentation,
    ends_line,
    finetune_table,
    read_card,
    starts_apart,
)
from .finetuning import DetectionDemo
from .scalenet import ScaleNetDemo
from .scalenet_report import scalenet_report
from .searching import SearchDemo
from .single_stage import SingleStageDemo
from .single_stage_report import draw_curves, read_curves, single_stage_table


def report(demo: Demo) -> tuple[str, tuple[str, ...]]:
    """The table, and the names of the figures, which are written into the demo's work dir."""
    if isinstance(demo, ScaleNetDemo):
        return scalenet_report(demo)
    if isinstance(demo, SingleStageDemo):
        return _of_single_stage(demo)
    return _of_finetuning(demo) if isinstance(demo, DetectionDemo) else _of_search(demo)


def _of_search(demo: SearchDemo) -> tuple[str, tuple[str, ...]]:
    task, best, nets = demo.task, demo.NETS[0], (*demo.NETS, demo.UNIFORM)
    cards = [read_card(demo.exported / f'{name}.json') for name in nets]
    stock = [stock_metrics(demo.work / f'test_{name}') for name in nets]
    arch = demo.exported / f'{best}.yaml'
    draw_demo(demo.work, demo.found, demo.random, cards[:-1], arch, task.metric)
    predicted = task.predictions(demo.work / f'test_{best}')[1]
    if task.package == 'mmseg':
        meta = json.loads((demo.data / 'meta.json').read_text(encoding='utf-8'))
        draw_segmentation(demo.work, demo.data, predicted, meta['classes'], meta['palette'])
    else:
        draw_poses(demo.work, demo.data, 'test', predicted)
    table = demo_table(cards, stock, task.metric, task.scale, also=task.also)
    scores = {name: tested[task.metric] for name, tested in zip(nets, stock, strict=True)}
    macs = cards[0]['cost']['macs'], cards[-1]['cost']['macs']
    uniform = scores.pop(demo.UNIFORM)
    verdict = against_uniform(scores, uniform, macs, task.metric, task.scale)
    figures = ('front.png', 'net.png', predicted_figure(task.package))
    return f'{table}\n\n{verdict}\n\n{_ends(demo)}', figures


def predicted_figure(package: str) -> str:
    """Name of the figure of predictions, by task package."""
    return 'predictions.png' if package == 'mmseg' else 'poses.png'


def _ends(demo: SearchDemo) -> str:
    metric, last = demo.task.metric, {}
    for stage in ('teacher', 'supernet'):
        step = demo.iters(stage)
        curves = read_curves(demo.work / stage, metric, [step])
        last[stage] = {net: curve[str(step)] for net, curve in curves.items()}
    study = json.loads((demo.found / 'study.json').read_text(encoding='utf-8'))
    largest = study['started']['largest']
    return ends_line(last['teacher'], last['supernet'], largest, metric, demo.task.scale)


def _of_finetuning(demo: DetectionDemo) -> tuple[str, tuple[str, ...]]:
    scores = {
        start: [stock_metrics(demo.tested(start, seed)) for seed in demo.SEEDS]
        for start in demo.task.starts
    }
    seed = demo.SEEDS[0]
    predicted = {start: demo.predictions(start, seed) for start in demo.task.starts}
    draw_objects(demo.work, demo.data, demo.task.truth, predicted)
    costs = {start: demo.cost(start) for start in demo.task.starts}
    table = finetune_table(scores, demo.SEEDS, costs)
    return f'{table}\n\n{starts_apart(scores)}', ('boxes.png',)


def _of_single_stage(demo: SingleStageDemo) -> tuple[str, tuple[str, ...]]:
    results = demo.results()
    text = json.dumps(results, indent=1)
    write_whole(demo.work / 'results.json', text + '\n')
    draw_curves(demo.work / 'curves.png', results['scores'], demo.PANELS, ('smallest', 'largest'))
    return single_stage_table(results), ('curves.png',)
