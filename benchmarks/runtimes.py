"""Whole models in runtimes over plain torch: S1 and stock HRNet-W32 with mmseg's head, one thread.

python benchmarks/runtimes.py [--rounds 30] [--out benchmarks/results/runtimes.json]

All forms take turns in interleaved rounds; a ratio is the median over rounds. Rounds are kept in
--cache: stopped at any moment, the same command goes on. Weights are random, norms have the
statistics of random images; int8 has the ranges of random images, which is all the same for time.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.registry import MODELS, DefaultScope
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import named
from scalenas.cli import main_of
from scalenas.deploy import RuntimeStopwatch, Subject, candidate, deployed, runtime
from scalenas.deploy.nets import Raw
from scalenas.latency import Cache, measure, split_half_tau
from scalenas.staging import write_whole

SIZE = (256, 512)


class Form(NamedTuple):
    """A model and what runs it."""

    net: str
    form: str
    runtime: str
    precision: str | None = None

    def __str__(self) -> str:
        precision = f' {self.precision}' if self.precision else ''
        return f'{self.net}, {self.form}, {self.runtime}{precision}'


PLAIN = Form('S1', 'plain', 'torch')
EAGER = 'torch_channels_last'
"""What `deployed(model)` is, unless it is built otherwise."""
FORMS = (
    PLAIN,
    *(Form('S1', 'deployed', r) for r in (EAGER, 'torch_compiled', 'onnxruntime', 'openvino')),
    *(Form('S1', 'deployed', r, 'int8') for r in ('onnxruntime', 'openvino')),
    Form('S1', 'deployed', 'openvino', 'bf16'),
    *(Form('W32', 'plain', r) for r in ('torch', 'onnxruntime', 'openvino')),
    *(Form('W32', 'deployed', r) for r in (EAGER, 'onnxruntime', 'openvino')),
)
RATIOS = (
    ('S1 deployed in the best runtime (fp32) / plain in torch', ('S1', 'deployed'), PLAIN),
    ('S1 deployed in torch / plain in torch', Form('S1', 'deployed', EAGER), PLAIN),
    (
        'S1 deployed in torch, compiled / plain in torch',
        Form('S1', 'deployed', 'torch_compiled'),
        PLAIN,
    ),
    (
        'S1 deployed in openvino, bf16 / plain in torch',
        Form('S1', 'deployed', 'openvino', 'bf16'),
        PLAIN,
    ),
    (
        'S1 deployed in onnxruntime, int8 / plain in torch',
        Form('S1', 'deployed', 'onnxruntime', 'int8'),
        PLAIN,
    ),
    (
        'S1 deployed in openvino, int8 / plain in torch',
        Form('S1', 'deployed', 'openvino', 'int8'),
        PLAIN,
    ),
    ('S1 deployed / stock W32, both in their best runtime', ('S1', 'deployed'), ('W32', 'plain')),
    (
        'stock W32 deployed / plain, onnxruntime',
        Form('W32', 'deployed', 'onnxruntime'),
        Form('W32', 'plain', 'onnxruntime'),
    ),
    (
        'stock W32 deployed / plain, openvino',
        Form('W32', 'deployed', 'openvino'),
        Form('W32', 'plain', 'openvino'),
    ),
    (
        'stock W32 deployed / plain, torch',
        Form('W32', 'deployed', EAGER),
        Form('W32', 'plain', 'torch'),
    ),
)
"""What is reported -> form over form; a pair (net, form) is its fastest in fp32."""


def model(net: str) -> Any:
    """The task model: mmseg's EncoderDecoder with an FCNHead over all maps, 19 classes."""
    import mmseg.models  # noqa: F401

    if net == 'W32':
        stage = dict(num_modules=1, num_branches=1, block='BOTTLENECK')
        extra = dict(stage1=dict(stage, num_blocks=(4,), num_channels=(64,)))
        for s, count in ((2, 1), (3, 4), (4, 3)):
            extra[f'stage{s}'] = dict(
                num_modules=count,
                num_branches=s,
                block='BASIC',
                num_blocks=(4,) * s,
                num_channels=tuple(32 * 2**i for i in range(s)),
            )
        backbone = dict(type='mmseg.HRNet', norm_cfg=dict(type='BN'), extra=extra)
    else:
        arch = named('scalenas_s1')
        backbone = dict(type='scalenas.ScaleHRNet', arch=arch.to_dict())
    head = dict(
        type='FCNHead',
        in_channels=[32, 64, 128, 256],
        in_index=(0, 1, 2, 3),
        channels=480,
        input_transform='resize_concat',
        kernel_size=1,
        num_convs=1,
        concat_input=False,
        num_classes=19,
        norm_cfg=dict(type='BN'),
    )
    cfg = dict(
        type='EncoderDecoder', backbone=backbone, decode_head=head, test_cfg={'mode': 'whole'}
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        built: Any = MODELS.build(copy.deepcopy(cfg))
    for module in built.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = 1.0
    with torch.no_grad():
        built.train()
        built(torch.randn(1, 3, *SIZE), None, mode='tensor')
    return built.eval()


def subject_of(form: Form) -> Subject:
    """As a network to be timed."""

    def make(size: tuple[int, int]) -> nn.Module:
        built = model(form.net)
        return Raw(deployed(built) if form.form == 'deployed' else built).eval()

    return Subject(str(form), {'net': form.net, 'form': form.form, 'head': 'fcn19'}, make)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=30)
    parser.add_argument('--cache', default='work_dirs/runtimes')
    parser.add_argument('--out', default='benchmarks/results/runtimes.json')
    args = parser.parse_args()
    lacking = {form: runtime(form.runtime).lacking(form.precision or '') for form in FORMS}
    for form, what in lacking.items():
        if what:
            print(f'left out: {form}: this machine lacks {what}', flush=True)
    forms = [form for form in FORMS if not lacking[form]]
    nets = [
        candidate(
            subject_of(form),
            SIZE,
            RuntimeStopwatch(form.runtime, precision=form.precision, clock='processor'),
            str(form),
        )
        for form in forms
    ]
    times = measure(
        nets, Cache(Path(args.cache)), args.rounds, say=lambda text: print(text, flush=True)
    )
    rows = dict(zip(forms, times.seconds, strict=True))

    def best(form: Any) -> Form:
        if isinstance(form, Form):
            return form
        among = [f for f in forms if (f.net, f.form) == form and f.precision is None]
        return min(among, key=lambda f: statistics.median(rows[f]))

    report: dict[str, Any] = {}
    for what, over, under in RATIOS:
        if lacking.get(over):  # type: ignore[call-overload]
            continue
        a, b = best(over), best(under)
        values = [x / y for x, y in zip(rows[a], rows[b], strict=True)]
        low, middle, high = statistics.quantiles(values, n=4, method='inclusive')
        name = what if what.count(' / plain') else f'{what} ({a.runtime}; {b.runtime})'
        if isinstance(over, tuple):
            name = f'{what} ({a.runtime})' if b is PLAIN else f'{what} ({a.runtime}, {b.runtime})'
        report[name] = {'median': middle, 'q25': low, 'q75': high, 'n': len(values)}
    about = {
        'command': 'python benchmarks/runtimes.py',
        'size': SIZE,
        'runtimes': sorted({str(stopped.key['runtime']) for stopped in nets}),
        'split-half tau': split_half_tau(times),
        'ms': {str(form): 1e3 * statistics.median(row) for form, row in rows.items()},
        'ratios': report,
    }
    write_whole(args.out, json.dumps(about, indent=1, allow_nan=False) + '\n')
    lines = ['| what | median | quartiles | rounds |', '|---|---|---|---|']
    for what, row in report.items():
        lines.append(
            f'| {what} | {row["median"]:.3f} | {row["q25"]:.3f} - {row["q75"]:.3f} | {row["n"]} |'
        )
    print('\n'.join(lines))


if __name__ == '__main__':
    main_of(main)
