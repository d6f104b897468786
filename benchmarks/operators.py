"""Where the time goes, by kind of operator: S1 and stock HRNet-W32, plain and deployed.

python benchmarks/operators.py [--calls 5]

Whole segmentors at 256x512 as in benchmarks/runtimes.py, by the profilers of onnxruntime and of
torch, one thread; shares are of the time inside of operators.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

import onnxruntime
import torch
from runtimes import SIZE, model
from torch import nn
from torch.profiler import ProfilerActivity, profile

from scalenas.cli import main_of
from scalenas.deploy import deployed
from scalenas.deploy.nets import Raw

SHOWN = 5


def in_onnxruntime(net: nn.Module, image: torch.Tensor, calls: int) -> Counter[str]:
    """Milliseconds a call, by type of node."""
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        file = f'{name}/net.onnx'
        torch.onnx.export(net, (image,), file, dynamo=False, input_names=['image'])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = f'{name}/profile'
        session = onnxruntime.InferenceSession(file, options, ['CPUExecutionProvider'])
        for _ in range(calls):
            session.run(None, {'image': image.numpy()})
        events = json.loads(Path(session.end_profiling()).read_text())
    for event in events:
        if event.get('cat') == 'Node' and event['name'].endswith('kernel_time'):
            spent[event['args']['op_name']] += event['dur'] / 1e3 / calls
    return spent


def in_torch(net: nn.Module, image: torch.Tensor, calls: int) -> Counter[str]:
    """Milliseconds a call, by operator."""
    with torch.no_grad():
        net(image)
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            for _ in range(calls):
                net(image)
    rows = profiled.key_averages()
    return Counter({row.key: row.self_cpu_time_total / 1e3 / calls for row in rows})


def row(title: str, spent: Counter[str]) -> str:
    """Of a table: the time, and the shares of what takes most of it."""
    total = sum(spent.values())
    shares = (f'{name} {part / total:.1%}' for name, part in spent.most_common(SHOWN))
    return f'| {title} | {total:.0f} | {", ".join(shares)} |'


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--calls', type=int, default=5)
    calls = parser.parse_args().calls
    torch.set_num_threads(1)
    image = torch.randn((1, 3, *SIZE), generator=torch.Generator().manual_seed(0))
    print('| what | ms | of that |\n|---|---|---|')
    for name in ('S1', 'W32'):
        plain = model(name)
        graphs = {'plain': Raw(plain), 'deployed': Raw(deployed(plain, channels_last=False))}
        for form, net in graphs.items():
            print(row(f'{name} {form}, onnxruntime', in_onnxruntime(net.eval(), image, calls)))
        eager = {'plain': Raw(plain), 'deployed': Raw(deployed(plain))}
        for form, net in eager.items():
            print(row(f'{name} {form}, torch', in_torch(net.eval(), image, calls)), flush=True)


if __name__ == '__main__':
    main_of(main)
