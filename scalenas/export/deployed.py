"""The deployed form of an export: a config and weights of its own, proven as the plain ones are.

Its weights are those of the plain net with the norms folded in, in float64, and then rounded. So
two things are shown: in float64 the written config computes what the plain net does, and what
stands in the file is exactly that, rounded.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import ConfigDict
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from scalenas.config.walk import replaced
from scalenas.deploy import deployed
from scalenas.errors import ExportError
from scalenas.models import FoldedNorm, deployed_net, net_types
from scalenas.models.checkpoint import load_checkpoint
from scalenas.models.folding import needs_contiguous

from .config import of_types
from .files import checkpoint_bytes
from .text import as_config
from .verify import Difference, difference

TYPE = 'scalenas.Deployed'
ABOUT = """{header}
The deployed form of {name}.py: for inference alone, it cannot be trained."""


def write_deployed(
    plain: nn.Module,
    variables: Mapping[str, Any],
    header: str,
    meta: Mapping[str, Any],
    stage: Path,
    name: str,
    batches: Iterable[Mapping[str, Any]],
) -> Difference:
    """Writes NAME_deployed.py and NAME_deployed.pth of an exported model, in eval mode.

    The norms of a neck or head are folded, too, where its config can say so by `norm_cfg=None`.

    Args:
        variables: of the plain config.
        meta: of the plain checkpoint.
        batches: preprocessed, to compare both models.

    Raises:
        ExportError: when they differ in float64.
    """
    scope = variables.get('default_scope')
    model, exact = _described(plain, variables['model'], scope)
    text = as_config({**variables, 'model': model}, ABOUT.format(header=header, name=name))
    (stage / f'{name}_deployed.py').write_text(text, encoding='utf-8')
    weights = stage / f'{name}_deployed.pth'
    state = {k: v.float() if v.is_floating_point() else v for k, v in exact.state_dict().items()}
    weights.write_bytes(checkpoint_bytes(state, {**meta, 'cfg': text}))
    written = _built(model, scope)
    written.load_state_dict(load_checkpoint(weights)['state_dict'])
    device = next(plain.parameters()).device
    doubled = copy.deepcopy(written).double()
    doubled.load_state_dict(exact.state_dict())
    gap = difference(plain, written.to(device), batches, exact=doubled.to(device))
    if not gap.equal:
        raise ExportError(
            f'the deployed form is not the exported net: {gap}; nothing written', where=name
        )
    return gap


def _described(plain: nn.Module, model: Any, scope: str | None) -> tuple[Any, nn.Module]:
    """The config of the deployed form, and that form in float64."""
    ((path, part),) = of_types(model, net_types())
    in_double = copy.deepcopy(plain).double()
    whole = deployed(in_double)
    place = '.'.join(map(str, path))
    folded = [n for n, module in whole.named_modules() if isinstance(module, FoldedNorm)]
    outside = {n.partition('.')[0] for n in folded if not n.startswith(f'{place}.')}
    channels_last = not any(map(needs_contiguous, plain.modules()))
    backbone = {'type': TYPE, 'net': dict(part), 'channels_last': channels_last}
    bare = {
        key: {**model[key], 'norm_cfg': None}
        for key in sorted(outside)
        if isinstance(model.get(key), Mapping) and model[key].get('norm_cfg')
    }
    described = {**replaced(model, path, backbone), **bare}
    if _fits(described, whole, scope):
        return described, whole
    # Heads that say their norms otherwise keep them.
    in_double.set_submodule(place, deployed_net(in_double.get_submodule(place)))
    described = replaced(model, path, backbone)
    if not _fits(described, in_double, scope):
        raise ExportError(
            'the config of its deployed form builds other weights',
            where=f'model.{place}',
            hint='export it without --deploy',
        )
    return described, in_double


def _fits(described: Any, model: nn.Module, scope: str | None) -> bool:
    """Whether a config builds a model with these weights."""
    return _shapes(_built(described, scope).state_dict()) == _shapes(model.state_dict())


def _built(model: Any, scope: str | None) -> Any:
    with DefaultScope.overwrite_default_scope(scope):
        built: Any = MODELS.build(ConfigDict(copy.deepcopy(model)))
    built.eval()
    return built


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}
