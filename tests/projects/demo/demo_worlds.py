"""Demos that were run, as far as files tell."""

import json

from projects.demo import ScaleNetDemo, SearchDemo
from scalenas.arch import dump
from scalenas.arch.hrnet import stock_hrnet


def searched(task, folder, work=None):
    """A demo of a search with its supernet trained and searched, as far as files tell."""
    demo = SearchDemo(task, work or folder / 'work', folder / 'data', quick=True)
    (demo.work / 'supernet').mkdir(parents=True)
    (demo.work / 'supernet/iter_20.pth').write_bytes(b'weights')
    demo.random.mkdir(parents=True)
    front = [{'slot': slot, 'cost': {'macs': (60 + 10 * slot) * 10**6}} for slot in range(5)]
    (demo.found / 'front.json').write_text(json.dumps(front))
    return demo


def exported(demo):
    """The demo of segmentation with its networks exported, as far as files tell."""
    demo.exported.mkdir()
    for name, width in (('best', 16), (demo.UNIFORM, 18)):
        net = stock_hrnet(width, (1, 2, 1), 2, 1).with_(stem=32, stage1_channels=16)
        (demo.exported / f'{name}.yaml').write_text(dump(net), encoding='utf-8')
        (demo.exported / f'{name}.pth').write_bytes(b'weights')


def trained_digits(folder, size):
    """The demo of ScaleNet with its supernets trained, as far as files tell."""
    demo = ScaleNetDemo(folder / 'work', folder / 'data', size)
    for run in demo.runs():
        checkpoint = demo.checkpoint(*run)
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b'weights')
    return demo
