"""An exported network as the backbone of somebody's own config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalenas.config import read_config
from scalenas.config.parts import accepted
from scalenas.config.walk import Path as Place
from scalenas.config.walk import place_of, walk
from scalenas.errors import ConfigError, short
from scalenas.export.config import for_ddp
from scalenas.export.files import checkpoint_bytes, publish, staged
from scalenas.export.transfer import PREFIX, Source, check_written, sliced_state
from scalenas.family import family_of, with_field
from scalenas.models import backbone_type, net_types
from scalenas.paths import new_file
from scalenas.tasks import task_of
from scalenas.tasks.own_data import HERE

from .code import assigned, instead, text
from .stock import base_of, changes, path_of

KEPT = ('norm_cfg', 'norm_eval', 'frozen_stages', 'with_cp')
"""Arguments that our backbone takes over from the stock one."""


def adopt(
    weights: str | Path,
    config: str,
    out: str | Path | None = None,
    force: bool = False,
    arch_of: str | Path | None = None,
) -> list[str]:
    """Writes a config that is `config` with an exported net in it; what it changes, in lines.

    `out` is the file, by default NAME_CONFIG.py next to NAME.pth; `arch_of` says which net it is, a
    YAML file or a name of the zoo, by default NAME.yaml. Necks, heads and, where a net has
    its own resolution, images follow. The written config is built, and must have every weight.

    Raises:
        UserError: for a config that cannot take the net, weights that are no export's, and a file
            that is there (unless `force`).
    """
    source = Source.from_file(weights, arch_of)
    cfg = read_config(str(path_of(config)), needs=('model',))
    backbone = cfg.model.get('backbone')
    if not isinstance(backbone, Mapping):
        raise ConfigError('is missing', where=f'{config}: model.backbone')
    default = source.path.parent / f'{source.name}_{path_of(config).stem}.py'
    target = new_file(default if out is None else out, force)
    task, net = task_of(cfg), family_of(source.arch).net
    old = cfg._cfg_dict.to_dict()
    new = cfg._cfg_dict.to_dict()
    taken = accepted(net) or set(KEPT)
    kept = {key: backbone[key] for key in KEPT if key in backbone and key in taken}
    new['model']['backbone'] = source.computing({'type': backbone_type(source.arch), **kept})
    if 'pretrained' in new['model']:
        new['model']['pretrained'] = None  # mmseg's, which it would load into the backbone
    if not _like_ours(backbone):
        task.open_heads(new['model'])
        new['model'] |= dict.fromkeys(old['model'].keys() - new['model'].keys())
    arch = task.fit(new, source.arch, 1.0)
    files: dict[str, bytes] = {}
    state, place = source.state, base_of(str(source.path), target.parent)
    described: Any = source.arch.to_dict()
    if arch_of is None:
        described = f'{HERE}/{base_of(str(source.path.with_suffix(".yaml")), target.parent)}'
    if arch != source.arch:
        # Of its maps the heads read some alone: the net without what nothing reads.
        pruned = family_of(arch).pruned
        arch = arch if pruned is None else pruned(arch)
        state = sliced_state(source.arch, arch, source.state, source.path)
        place, described = f'{target.stem}.pth', arch.to_dict()
        named = {f'{PREFIX}{key}': value for key, value in state.items()}
        files[place] = checkpoint_bytes(named, {'scalenas': {'arch': arch.to_dict()}})
        new_file(target.parent / place, force)
    init = {'type': 'Pretrained', 'checkpoint': f'{HERE}/{place}', 'prefix': PREFIX}
    own = {**new['model']['backbone'], 'arch': described, 'init_cfg': init}
    new['model']['backbone'] = own
    variables = {**overrides(old, new), **for_ddp(arch)}
    head = f'{source.name} ({arch.summary}) in {config}.'
    files[target.name] = text(head, base_of(config, target.parent), assigned(variables)).encode()
    with staged(target.parent) as stage:
        for name, content in files.items():
            (stage / name).write_bytes(content)
        publish(stage, target.parent, force)
    try:
        check_written(target, state)
    except BaseException:
        for name in files:
            (target.parent / name).unlink()
        raise
    return [*_changed_lines(old, variables), f'wrote {target}']


def _like_ours(backbone: Mapping[str, Any]) -> bool:
    """Whether a described backbone has the maps of a family's networks, which its heads read."""
    if backbone.get('type') in net_types():
        return True
    plain = dict(backbone)
    return any(family.adopts(plain, {}, False, None) for family in with_field('adopts'))


def overrides(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of a config that inherits from one with `old`, and has `new`.

    What changes within a list is said as the whole list, for configs do not merge those.
    """
    result: dict[str, Any] = {}
    for place, table in changes(old, new):
        whole: Any = table
        for depth, key in enumerate(place):
            if isinstance(key, int):
                place, whole = place[:depth], _at(new, place[:depth])
                break
        inner = result
        for key in place[:-1] if whole is not table else place:
            inner = inner.setdefault(str(key), {})
        said = {str(place[-1]): whole} if whole is not table else table
        known = _at(old, place if whole is table else place[:-1])
        inner.update({key: instead(value, key in known) for key, value in said.items()})
    return result


def _at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def _changed_lines(old: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """What a config changes, a line for each value."""
    lines = []
    for place, value in walk(variables):
        if isinstance(value, Mapping) or any(isinstance(key, int) for key in place):
            continue
        before: Any = old
        for key in place:
            before = before.get(key) if isinstance(before, Mapping) else None
        if place[-1] != '_delete_' and 'arch' not in place[:-1] and before != value:
            lines.append(f'{place_of(place)}: {short(before)} -> {short(value)}')
    return lines
