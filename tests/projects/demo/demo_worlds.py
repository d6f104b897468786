"""Demos that were run, as far as files tell."""

import json

from projects.demo import ScaleNetDemo, SearchDemo


def searched(task, folder):
    """A demo of a search with its supernet trained and searched, as far as files tell."""
    demo = SearchDemo(task, folder / 'work', folder / 'data', quick=True)
    (demo.work / 'supernet').mkdir(parents=True)
    (demo.work / 'supernet/iter_20.pth').write_bytes(b'weights')
    demo.random.mkdir(parents=True)
    front = [{'slot': slot} for slot in range(5)]
    (demo.found / 'front.json').write_text(json.dumps(front))
    return demo


def trained_digits(folder, size):
    """The demo of ScaleNet with its supernets trained, as far as files tell."""
    demo = ScaleNetDemo(folder / 'work', folder / 'data', size)
    for run in demo.runs():
        checkpoint = demo.checkpoint(*run)
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b'weights')
    return demo
