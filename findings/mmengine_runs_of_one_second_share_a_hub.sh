#!/usr/bin/env bash
# mmengine 0.10.7 (torch 2.13.0).
# One might expect: a Runner made without `experiment_name` and with a work_dir of its own shares nothing with the Runner
# before it in the same process; a sweep that trains small models one after the other keeps the best checkpoint of each.
# Seen: the name is made of the config's and the time in whole seconds, and MessageHub.get_instance(name) gives the same
# hub to every Runner of one second. With `save_best` the second run compares with the first one's best score: where it is
# worse, it saves no best checkpoint at all, and where it is better, it removes the first run's file, in the other work_dir.
# output:
#   a second apart, then worse: same hub False, best of one True, best of two True
#   a second apart, then better: same hub False, best of one True, best of two True
#   in one second, then worse: same hub True, best of one True, best of two False
#   in one second, then better: same hub True, best of one False, best of two True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 mmengine==0.10.7 numpy==2.2.6 setuptools==80.9.0
cat > "$folder/run.py" <<'PY'
import sys
import time
from pathlib import Path

import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, mode='tensor'):
        return {'loss': self.layer(x).square().mean()} if mode == 'loss' else [self.layer(x)]


class Score(BaseMetric):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def process(self, data_batch, data_samples):
        self.results.append(self.value)

    def compute_metrics(self, results):
        return {'score': results[0]}


class Images(torch.utils.data.Dataset):
    metainfo = {}

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return torch.ones(1)


def train(work_dir, score):
    loader = dict(dataset=Images(), batch_size=1, sampler=dict(type='DefaultSampler', shuffle=False))
    runner = Runner(
        model=Model(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=Evaluator(Score(score)),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='score', rule='greater')),
    )
    runner.train()
    return runner


def pair(name, scores, wait):
    while time.time() % 1 > 0.1:  # begin with a second
        time.sleep(0.001)
    own = time.time, time.strftime, time.localtime
    if not wait:  # the clock stands, so that both are of this second on a slow machine too
        frozen = time.time()
        time.time = lambda: frozen
        time.localtime = lambda at=None: own[2](frozen if at is None else at)
        time.strftime = lambda form, at=None: own[1](form, time.localtime() if at is None else at)
    folders = [Path(sys.argv[1], name, part) for part in ('one', 'two')]
    hubs = []
    for folder, score in zip(folders, scores):
        hubs.append(train(folder, score).message_hub)
        if wait:
            time.sleep(1.1)
    time.time, time.strftime, time.localtime = own
    seen = hubs[0] is hubs[1], *(any(folder.glob('best_score_*.pth')) for folder in folders)
    print(f'{name}: same hub {seen[0]}, best of one {seen[1]}, best of two {seen[2]}')
    return seen


assert pair('a second apart, then worse', (0.8, 0.5), True) == (False, True, True)
assert pair('a second apart, then better', (0.5, 0.8), True) == (False, True, True)
assert pair('in one second, then worse', (0.8, 0.5), False) == (True, True, False)
assert pair('in one second, then better', (0.5, 0.8), False) == (True, False, True)
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder/work" 2> "$folder/log" | grep 'same hub' || { cat "$folder/log"; exit 1; }
