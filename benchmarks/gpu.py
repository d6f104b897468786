#!/usr/bin/env python3
"""What a GPU gives our networks: one command, eight minutes at most, one JSON.

    python benchmarks/gpu.py [--out gpu.json] [--budget 480]

From a clone, with torch, numpy and PyYAML; mmengine and the task packages need not be there. Times
are medians with quartiles of single passes; `ratio` is to the plain net in fp32 on contiguous
maps, `error` the difference of the outputs from that net's, in L2 relative to them. The last
results measure the first case of each net again, and say by how much the machine drifted. What no
time is left for is in `skipped`. With `--device cpu --tiny` the script tries itself.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from gpu_cases import COMPILED, WAYS, Case, Setup, measured, setting
from gpu_trainings import TRAININGS, Training, compare
from torch import Tensor


class Clock:
    """Keeps the budget: a job begins only when there is time for one like those before it."""

    def __init__(self, budget: float) -> None:
        self.start, self.budget = time.perf_counter(), budget
        self.longest: dict[str, float] = {'compile': 45.0, 'training': 15.0}

    @property
    def left(self) -> float:
        """Seconds."""
        return self.budget - (time.perf_counter() - self.start)

    def has_time_for(self, kind: str) -> bool:
        """True when a job of this kind fits."""
        return self.left > 1.2 * self.longest.get(kind, 3.0)

    def took(self, kind: str, seconds: float) -> None:
        """Notes how long one took; the defaults are guesses, and give way to the first."""
        known = self.longest.get(kind, 0.0) if kind not in ('compile', 'training') else 0.0
        self.longest[kind] = max(known, seconds)


def why_not(case: Case | Training, setup: Setup) -> str | None:
    """What this device cannot do; None when it can."""
    if setup.is_cuda:
        if case.precision in ('bf16', 'tf32') and torch.cuda.get_device_capability() < (8, 0):
            return f'this GPU has no {case.precision}'
        return None
    launch = case.launch if isinstance(case, Case) else ''
    if launch == 'graph' or case.precision in ('tf32', 'fp16'):
        return f'needs a GPU: {launch if launch == "graph" else case.precision}'
    if isinstance(case, Training) and case.what.startswith('SyncBN'):
        return 'needs a GPU: SyncBN'
    return None


def jobs(setup: Setup) -> Iterator[tuple[str, Case | Training]]:
    """All that is measured, by kind, in order."""
    for way in WAYS:
        for net in setup.nets:
            yield 'inference', replace(Case(net), **way)
    for training in TRAININGS:
        yield 'training', training
    for way in COMPILED:
        for net in setup.nets:
            yield 'compile', replace(Case(net), **way)
    if setup.tiny:  # one that runs on a CPU
        yield 'compile', Case('efficientnet_b0', launch='compile')
    for net in setup.nets:
        yield 'again', Case(net)


def alone(case: Case, setup: Setup, seconds: float) -> dict[str, Any]:
    """A case in a process of its own, which ends in time: torch cannot be stopped while compiling.

    Raises:
        subprocess.SubprocessError: when it takes longer, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'row.json'
        command = [sys.executable, __file__, '--device', setup.device, '--out', str(out)]
        command += ['--case', json.dumps(asdict(case)), *(['--tiny'] if setup.tiny else [])]
        subprocess.run(command, check=True, timeout=max(1.0, seconds), capture_output=True)
        row: dict[str, Any] = json.loads(out.read_text())
        return row


def run(setup: Setup, budget: float, out: Path) -> dict[str, Any]:
    """Measures what fits into the budget; the file is whole after each row."""
    clock = Clock(budget)
    document: dict[str, Any] = {
        'setting': setting(setup),
        'budget_s': budget,
        'results': [],
        'trainings': [],
        'skipped': [],
    }
    first: dict[str, tuple[float, Tensor]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if setup.is_cuda:
            torch.distributed.init_process_group(
                'nccl', init_method=f'file://{folder}/meet', rank=0, world_size=1
            )
        for kind, case in jobs(setup):
            reason = why_not(case, setup)
            if reason is None and not clock.has_time_for(kind):
                reason = 'no time left'
            begun = time.perf_counter()
            try:
                if reason is not None:
                    document['skipped'].append({'kind': kind, **asdict(case), 'why': reason})
                elif isinstance(case, Training):
                    document['trainings'].append(compare(case, setup))
                else:
                    document['results'].append(_row(kind, case, setup, clock, first))
            except (RuntimeError, subprocess.SubprocessError) as error:
                # Such as out of memory: the others are worth having.
                why = f'{type(error).__name__}: {" ".join(str(error).split())[:300]}'
                document['skipped'].append({'kind': kind, **asdict(case), 'why': why})
            if reason is None:
                clock.took(kind, time.perf_counter() - begun)
            document['seconds'] = time.perf_counter() - clock.start
            out.write_text(json.dumps(document, indent=1) + '\n')
        if setup.is_cuda:
            torch.distributed.destroy_process_group()
    return document


def _row(
    kind: str, case: Case, setup: Setup, clock: Clock, first: dict[str, tuple[float, Tensor]]
) -> dict[str, Any]:
    known = first.get(case.net)
    if kind == 'compile':
        row = alone(case, setup, clock.left - 5)
    else:
        row, outputs = measured(case, setup, None if known is None else known[1])
        if known is None and case == Case(case.net):
            known = first[case.net] = (row['ms']['median'], outputs)
    if known is not None:
        row['ratio'] = row['ms']['median'] / known[0]
    return {'kind': kind, **row}


def table(document: dict[str, Any]) -> str:
    """Markdown of all rows."""
    lines = ['| net | form | how | ms | / fp32 | images/s | MiB | error |', '|' + '---|' * 8]
    for row in document['results']:
        how = ' '.join((row['precision'], row['layout'], row['launch']))
        peak = f'{row["peak_mib"]:,.0f}' if 'peak_mib' in row else ''
        again = ', again' if row['kind'] == 'again' else ''
        lines.append(
            f'| {row["net"]}{again} | {row["form"]} | {how} | {row["ms"]["median"]:.2f} | '
            f'{row.get("ratio", math.nan):.2f} | {row["images_per_s"]:,.0f} | {peak} | '
            f'{row["error"]:.1e} |'
        )
    for row in document['trainings']:
        lines.append(
            f'| {row["what"]} | training | {row["precision"]} | | '
            f'{row["ratio"]["median"]:.3f} | | {row.get("peak_mib", 0):,.0f} | |'
        )
    return '\n'.join(lines)


def main() -> None:
    """Measures, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=Path('gpu.json'))
    parser.add_argument('--budget', type=float, default=480, help='seconds')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--tiny', action='store_true', help='small nets: tries the script itself')
    parser.add_argument('--case', help=argparse.SUPPRESS)
    args = parser.parse_args()
    setup = Setup(args.device, args.tiny)
    if setup.is_cuda and not torch.cuda.is_available():
        sys.exit(
            'benchmarks/gpu.py: torch sees no GPU on this machine; --device cpu --tiny tries it'
        )
    torch.backends.cudnn.benchmark = True
    if args.case is not None:
        case = Case(**json.loads(args.case))
        with torch.inference_mode():
            wanted = measured(Case(case.net), setup, None)[1]
        args.out.write_text(json.dumps(measured(case, setup, wanted)[0]))
        return
    document = run(setup, args.budget, args.out)
    print(table(document))
    count, skipped = len(document['results'] + document['trainings']), len(document['skipped'])
    print(f'{count} rows in {document["seconds"]:.0f} s, {skipped} skipped: {args.out}')


if __name__ == '__main__':
    main()
