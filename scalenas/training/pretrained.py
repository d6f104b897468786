"""Files that parts of a model start from (`init_cfg` of type Pretrained), read before a run.

Left to itself mmengine runs what a pickle asks it to, and where no name fits it starts at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.model import PretrainedInit
from torch import Tensor, nn

from scalenas.models.checkpoint import CheckpointError, load_checkpoint


def check_pretrained(model: nn.Module) -> None:
    """Pass when every local file that a part of `model` starts from is safe, and fits it somewhere.

    Parts of this package are meant: others may convert what they read. As in mmengine, weights may
    be missing or left over: it logs them. Remote files are left to it.

    Raises:
        CheckpointError: for a file that is missing or unsafe, or of which no weight fits.
    """
    for name, module in model.named_modules():
        if type(module).__module__.split('.')[0] != 'scalenas':
            continue
        for init in _pretrained(getattr(module, 'init_cfg', None)):
            path = init.get('checkpoint')
            if isinstance(path, str) and '://' not in path:
                place = '.'.join(filter(None, ('model', name, 'init_cfg')))
                _check(module.state_dict(), Path(path).expanduser(), init.get('prefix'), place)


def _pretrained(init_cfg: Any) -> Iterator[Mapping[str, Any]]:
    for init in init_cfg if isinstance(init_cfg, list | tuple) else [init_cfg]:
        kind = init.get('type') if isinstance(init, Mapping) else None
        if kind is PretrainedInit or str(kind).split('.')[-1] in ('Pretrained', 'PretrainedInit'):
            yield init


def _check(own: Mapping[str, Tensor], path: Path, prefix: str | None, place: str) -> None:
    try:
        state = load_checkpoint(path)['state_dict']
    except CheckpointError as error:
        raise CheckpointError(f'{place}: {error}') from None
    if prefix is None:
        state = {key.removeprefix('module.'): value for key, value in state.items()}
    else:
        start = f'{prefix.removesuffix(".")}.'
        found = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        if not found:
            raise CheckpointError(
                f'{place}: {path}: no weight in it begins with {start!r}; they are called '
                f'{", ".join(list(state)[:2])}, ...'
            )
        state = found
    if any(key in own and own[key].shape == getattr(v, 'shape', None) for key, v in state.items()):
        return
    first = next(iter(own), '')
    before = next((k[: -len(first)] for k in state if first and k.endswith(f'.{first}')), None)
    hint = f'; set prefix={before!r}' if before and prefix is None else '; is it of another net?'
    raise CheckpointError(f'{place}: {path}: none of its weights fits{hint}')
