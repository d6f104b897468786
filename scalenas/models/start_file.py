"""The file that a backbone starts from (`init_cfg` of type Pretrained), read before mmengine does.

Left to itself mmengine runs what a pickle asks it to, and where no name fits it starts at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.model import PretrainedInit
from torch import Tensor, nn

from scalenas.errors import CheckpointError

from .archive import check_records, is_archive
from .checkpoint import load_checkpoint
from .weights import check_values


def check_start(module: nn.Module, place: str) -> None:
    """Pass when every local file that `module` starts from can be trusted, and fits it somewhere.

    As in mmengine, weights may be missing or left over: it logs them. Remote files are left to it.

    Raises:
        CheckpointError: for a file that is missing, damaged or unsafe, or of which no weight fits.
    """
    for path, prefix in start_files(module):
        with _read_by(place):
            _check(module.state_dict(), path, prefix)


def check_foreign_start(module: nn.Module, place: str) -> None:
    """Pass when no local file that `module` starts from is damaged.

    Modules of other packages may convert what they read, so nothing is said of its weights.

    Raises:
        CheckpointError: for a damaged file.
    """
    for path, _ in start_files(module):
        if is_archive(path):
            with _read_by(place):
                check_records(path)


@contextmanager
def _read_by(place: str) -> Iterator[None]:
    """Errors of a file also name the key of the config that it stands in."""
    try:
        yield
    except CheckpointError as error:
        raise error.of(place) from None


def start_files(module: nn.Module) -> Iterator[tuple[Path, str | None]]:
    """Path and prefix of the local files that the module's own `init_cfg` names."""
    init_cfg: Any = getattr(module, 'init_cfg', None)
    for init in init_cfg if isinstance(init_cfg, list | tuple) else [init_cfg]:
        kind = init.get('type') if isinstance(init, Mapping) else None
        if kind is PretrainedInit or str(kind).split('.')[-1] in ('Pretrained', 'PretrainedInit'):
            path = init.get('checkpoint')
            if isinstance(path, str) and '://' not in path:
                yield Path(path).expanduser(), init.get('prefix')


def _check(own: Mapping[str, Tensor], path: Path, prefix: str | None) -> None:
    state = load_checkpoint(path)['state_dict']
    if prefix is None:
        state = {key.removeprefix('module.'): value for key, value in state.items()}
    else:
        start = f'{prefix.removesuffix(".")}.'
        inner = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        if not inner:
            raise CheckpointError(
                'no weight of the file begins with this prefix',
                where=path,
                got=prefix,
                allowed=f'one of weights called {", ".join(list(state)[:2])}, ...',
            )
        state = inner
    if any(key in own and own[key].shape == getattr(v, 'shape', None) for key, v in state.items()):
        check_values(own, state, path)
        return
    first = next(iter(own), '')
    before = next((k[: -len(first)] for k in state if first and k.endswith(f'.{first}')), None)
    hint = f'set prefix={before!r}' if before and prefix is None else 'is it of another net?'
    raise CheckpointError('none of its weights fits', where=path, hint=hint)
