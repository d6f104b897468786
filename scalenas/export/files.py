"""Writing several files together, and never over something else.

All are written beside their places first, so that an export that fails leaves none. Then they are
moved one by one, each as a whole, configs last: a kill just there leaves weights without a config,
never a config beside weights of another net, and the same export once more completes them.
"""

from __future__ import annotations

import io
import json
import math
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from scalenas.arch import Arch, sections
from scalenas.complexity import Cost
from scalenas.errors import ExportError
from scalenas.staging import staged_folder

from .standalone import module_name

ONLY_FILES = {
    **dict.fromkeys(('--force', '--standalone', '--onnx', '--openvino', '--deploy'), 0),
    '--onnx-output': 1,
    '--normalize': 1,
    '--dynamic': 3,
}
"""They decide which files are written, and not what stands in the others; how many words follow."""


def recorded(tool: str, arguments: Sequence[str]) -> str:
    """One shell line; given again, with more files or fewer, it writes equal ones."""
    kept, left = [], 0
    for word in arguments:
        name, given, _ = word.partition('=')
        if word.startswith('--'):
            left = 0 if given else ONLY_FILES.get(name, 0)
            if name not in ONLY_FILES:
                kept.append(word)
        elif left:
            left -= 1
        else:
            kept.append(word)
    return f'{tool} {shlex.join(kept)}'


@dataclass(frozen=True, slots=True)
class Saving:
    """Blocks, fusions and cost that pruning took away: no output depends on them."""

    blocks: int
    fusions: int
    cost: Cost

    @classmethod
    def of(cls, whole: Arch, left: Arch, cost: Callable[[Arch], Cost]) -> Self:
        """Of `whole` next to what is left of it, both costed by `cost`."""
        return cls(
            whole.num_blocks - left.num_blocks,
            _fusions(whole) - _fusions(left),
            cost(whole) - cost(left),
        )

    def to_dict(self) -> dict[str, float]:
        """Plain data."""
        return {'blocks': self.blocks, 'fusions': self.fusions, **self.cost}

    def __str__(self) -> str:
        if not self.blocks + self.fusions:
            return 'pruned: nothing, every block and fusion is read'
        return (
            f'pruned: {self.blocks} blocks and {self.fusions} fusions that nothing reads, '
            f'{self.cost}'
        )


def _fusions(arch: Arch) -> int:
    return sum(section.fusions for section in sections(arch))


SUFFIXES = (
    *('.py', '.pth', '.yaml', '.json', '_standalone.py', '_deployed.py', '_deployed.pth'),
    *('.onnx', '_int8.onnx', '.bin', '.xml'),
)


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder beside the final files, gone on exit; those of killed exports go now."""
    with ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            stage = stack.enter_context(staged_folder(out, 'export'))
        except OSError as error:
            raise ExportError(
                f'cannot be written: {error.strerror}', where=f'--out {out}'
            ) from None
        yield stage


def names_of(name: str) -> list[str]:
    """All files that an export called `name` may write."""
    return [*(f'{name}{suffix}' for suffix in SUFFIXES), f'{module_name(name)}.py']


def check_free(out: Path, name: str, arch: str, origin: Mapping[str, Any], force: bool) -> None:
    """Pass when no files of `name` are in `out`, or those of an export from the same origin.

    To be asked before the work is done; `publish` then compares the content.

    Raises:
        ExportError: when they are of another export, unless `force`.
    """
    there = [out / file for file in names_of(name) if (out / file).exists()]
    if force or not there:
        return
    try:
        card = json.loads((out / f'{name}.json').read_text(encoding='utf-8'))
        same = card['origin'] == plain(origin)
        same = same and (out / f'{name}.yaml').read_text(encoding='utf-8') == arch
    except FileNotFoundError as error:
        same = error.filename == str(out / f'{name}.yaml')  # was killed before it was moved
    except (OSError, ValueError, TypeError, KeyError):
        same = False
    if not same:
        raise _other(there[0])


def publish(stage: Path, out: Path, force: bool, belong: Iterable[str] = ()) -> list[Path]:
    """Moves all files of `stage` into `out`; gives back where they are.

    With `force`, files there that `belong` to what is overwritten go with it.

    Raises:
        ExportError: when one of them is there with other content, unless `force`.
    """
    files = sorted(path for path in stage.iterdir() if path.is_file())
    files.sort(key=_is_config)
    changed = [path for path in files if not _equal(path, out / path.name)]
    replaced = [path for path in changed if (out / path.name).exists()]
    if replaced and not force:
        raise _other(out / replaced[0].name)
    if replaced:
        for name in {*belong} - {path.name for path in files}:
            (out / name).unlink(missing_ok=True)
    for path in filter(_is_config, replaced):
        (out / path.name).unlink()
    for path in changed:
        os.replace(path, out / path.name)
    return [out / name for name in sorted(path.name for path in files)]


def _is_config(path: Path) -> bool:
    """True for what says which weights are beside it."""
    return path.suffix in ('.py', '.xml')


def _equal(path: Path, other: Path) -> bool:
    return other.exists() and other.read_bytes() == path.read_bytes()


def checkpoint_bytes(state: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> bytes:
    """A checkpoint of tensors and plain values; equal content gives equal bytes."""
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
    buffer = io.BytesIO()
    torch.save({'meta': plain(meta), 'state_dict': tensors}, buffer)
    return buffer.getvalue()


def plain(value: Any) -> Any:
    """Tables, lists, text and numbers out of whatever mappings, tuples and arrays hold them."""
    if isinstance(value, Mapping):
        # Names of keypoints are found by number.
        return {k if isinstance(k, int) else str(k): plain(item) for k, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON knows neither NaN nor infinity
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, 'tolist'):
        return plain(value.tolist())
    return str(value)


def _other(path: Path) -> ExportError:
    return ExportError(
        'is already there with other content',
        where=path,
        hint='choose another --name or --out, or overwrite with --force',
    )
