"""The shell scripts: what they call, with what, and how they end."""

import os
import re
import signal
import stat
import subprocess
import time

import pytest

from scalenas.commands.training import search_parser, train_parser

from .conftest import REPO

SAY = """#!/bin/bash
for a in "$@"; do echo "[$a]"; done
echo "path=$PYTHONPATH gpu=$CUDA_VISIBLE_DEVICES"
"""
WAIT = """#!/bin/bash
trap 'sleep 0.3; echo stopped; exit 130' INT
touch "$(dirname "$0")/$CUDA_VISIBLE_DEVICES.up"
while true; do sleep 0.1; done
"""


@pytest.fixture
def stubs(tmp_path):
    """Stand-ins for programs, first in PATH."""

    def make(environment=None, **programs):
        for name, text in programs.items():
            path = tmp_path / name
            path.write_text(text)
            path.chmod(path.stat().st_mode | stat.S_IEXEC)
        return {**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}', **(environment or {})}

    return make


def call(script, *arguments, env):
    return subprocess.run(
        ['bash', str(REPO / 'tools' / script), *arguments], capture_output=True, text=True, env=env
    )


def test_dist_train(stubs):
    env = stubs(dict(NNODES='2', NODE_RANK='1', PORT='3', MASTER_ADDR='host'), torchrun=SAY)
    done = call('dist_train.sh', 'a b.py', '4', '--cfg-options', 'x=[1, 2]', env=env)
    said = done.stdout.splitlines()
    assert said[:5] == [
        '[--nnodes=2]',
        '[--node_rank=1]',
        '[--master_addr=host]',
        '[--master_port=3]',
        '[--nproc_per_node=4]',
    ]
    assert said[5].endswith('tools/train.py]')
    assert said[6:11] == ['[a b.py]', '[--launcher]', '[pytorch]', '[--cfg-options]', '[x=[1, 2]]']
    assert f'path={REPO}/tools/..' in said[-1]


def test_dist_test(stubs):
    said = call('dist_test.sh', 'c.py', 'w.pth', '2', env=stubs(torchrun=SAY)).stdout.splitlines()
    assert '[--nproc_per_node=2]' in said
    assert said[-5:-1] == ['[c.py]', '[w.pth]', '[--launcher]', '[pytorch]']


@pytest.mark.parametrize(
    ('script', 'last'),
    [
        ('slurm_train.sh', ['[c.py]', '[--work-dir]', '[w]', '[--launcher]', '[slurm]', '[--amp]']),
        ('slurm_test.sh', ['[c.py]', '[w]', '[--launcher]', '[slurm]', '[--amp]']),
    ],
)
def test_slurm(stubs, script, last):
    environment = dict(GPUS='16', GPUS_PER_NODE='4', SRUN_ARGS='--qos=high --time=1')
    env = stubs(environment, srun=SAY)
    said = call(script, 'part', 'job', 'c.py', 'w', '--amp', env=env).stdout.splitlines()
    for wanted in ('[part]', '[--ntasks=16]', '[--gres=gpu:4]', '[--qos=high]', '[--time=1]'):
        assert wanted in said
    assert said[-1 - len(last) : -1] == last


def test_dist_search_starts_one_worker_per_gpu_and_fails_with_any(stubs):
    env = stubs(python=SAY + '[ "$CUDA_VISIBLE_DEVICES" != 1 ] || exit 7\n')
    done = call('dist_search.sh', 'c.py', 'w.pth', '3', '--seed', '1', env=env)
    assert done.returncode == 7
    assert sorted(w.split('gpu=')[1] for w in done.stdout.splitlines() if 'gpu=' in w) == [*'012']
    assert done.stdout.count('[--seed]') == 3


def test_dist_search_passes_ctrl_c_on(stubs, tmp_path):
    """Ctrl-C reaches the workers as Ctrl-C, so that each can finish its record."""
    env = stubs(python=WAIT)
    run = subprocess.Popen(
        ['bash', str(REPO / 'tools' / 'dist_search.sh'), 'c.py', 'w.pth', '2'],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while len(list(tmp_path.glob('*.up'))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    assert out.count('stopped') == 2
    assert run.returncode == 130


JOB = """#!/bin/bash
for a in "$@"; do echo "[$a]"; done
bash  # the script that sbatch is given
"""


def test_slurm_search(stubs):
    """An array of workers; what the shell of each job sees are the words that were given."""
    env = stubs(dict(SBATCH_ARGS='--qos=high --time=1'), sbatch=JOB, python=SAY)
    options = ['--mode', 'async', '--cfg-options', 'a=[1, 2]', "b='$x;'"]
    done = call('slurm_search.sh', 'part', 'job', 'my c.py', 'w.pth', '32', *options, env=env)
    said = done.stdout.splitlines()
    for wanted in ('[part]', '[--job-name=job]', '[--array=0-31]', '[--gres=gpu:1]', '[--time=1]'):
        assert wanted in said
    words = ['my c.py', 'w.pth', '--device', 'cuda', *options]
    assert said[-1 - len(words) : -1] == [f'[{word}]' for word in words]
    assert f'path={REPO}/tools/..' in said[-1]
    env = stubs(dict(DEVICE='cpu'), sbatch=JOB, python=SAY)
    said = call('slurm_search.sh', 'part', 'job', 'c.py', 'w.pth', '2', env=env).stdout.splitlines()
    assert '[cpu]' in said
    assert '[--gres=gpu:1]' not in said


CLUSTER = re.findall(r'```bash\n(.*?)```', (REPO / 'docs/cluster.md').read_text(), re.S)


@pytest.mark.parametrize(
    'line', [line for b in CLUSTER for line in b.splitlines() if 'tools' in line]
)
def test_the_lines_of_the_cluster_page(stubs, line):
    """They start a tool, with options that it knows."""
    env = stubs(torchrun=SAY, srun=SAY, sbatch=JOB, python=SAY)
    done = subprocess.run(['bash', '-c', line], cwd=REPO, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    words = [word[1:-1] for word in done.stdout.splitlines() if word.startswith('[')]
    name = next(word for word in words if word.endswith(('/search.py', '/train.py')))
    parser = search_parser() if name.endswith('search.py') else train_parser()
    count = sum(word == name for word in words)
    assert count == (8 if 'dist_search' in line else 1)
    if count == 1:
        parser.parse_args(words[words.index(name) + 1 :])


@pytest.mark.parametrize(
    'script',
    [
        'dist_train.sh',
        'dist_test.sh',
        'dist_search.sh',
        'slurm_train.sh',
        'slurm_test.sh',
        'slurm_search.sh',
    ],
)
def test_usage(stubs, script):
    done = call(script, env=stubs())
    assert done.returncode == 2
    assert done.stderr.startswith('usage: ')
