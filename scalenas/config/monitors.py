"""Hooks and schedules that watch a metric: will the validation give one of that name?

Left to mmengine they look it up after the first validation, hours into a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.hooks import CheckpointHook

from scalenas.errors import ConfigError, did_you_mean

DEFAULT_ARCHS = ('smallest', 'largest')
"""What `scalenas.SubnetValLoop` validates, if nobody says otherwise."""


def subnet_name(choice: object, position: int) -> str:
    """How a sub-net that a config lists at this position (from 1) is called."""
    if isinstance(choice, str):
        return choice.replace('\\', '/').split('/')[-1].removesuffix('.yaml')
    return f'net{position}'


def subnet_names(loop: Mapping[str, Any]) -> list[str]:
    """The sub-nets of a `val_cfg`; none where it is not a SubnetValLoop."""
    if str(loop.get('type')).split('.')[-1] != 'SubnetValLoop':
        return []
    archs = loop.get('archs', DEFAULT_ARCHS)
    return [subnet_name(arch, n) for n, arch in enumerate(archs, 1)] if _listed(archs) else []


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def check_monitors(cfg: Mapping[str, Any], own: list[str] | None) -> None:
    """Pass when all that is watched will be there after a validation, as far as can be known.

    own: names of the metrics of one network; None where they are not known.

    Raises:
        ConfigError: names the place, and the right name.
    """
    if cfg.get('val_cfg') is None:
        return
    nets = subnet_names(cfg['val_cfg'])
    if own == []:  # metrics that only write files
        return
    for where, name in _watched(cfg):
        if name == 'auto':
            _check_rule(cfg, where, nets, own)
        elif not _given(name, nets, own):
            raise ConfigError(
                'the validation gives no metric of this name',
                where=where,
                got=name,
                allowed=_allowed(nets, own),
                hint=_right_name(name, nets, own),
            )


def _watched(cfg: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Place and name of every metric that something waits for."""
    hooks = [(f'default_hooks.{n}', h) for n, h in (cfg.get('default_hooks') or {}).items()]
    hooks += [(f'custom_hooks[{i}]', h) for i, h in enumerate(cfg.get('custom_hooks') or ())]
    for place, hook in hooks:
        if not isinstance(hook, Mapping):
            continue
        best = hook.get('save_best')
        for name in best if isinstance(best, list | tuple) else [best]:
            if isinstance(name, str):
                yield f'{place}.save_best', name
        stops = str(hook.get('type')).split('.')[-1] == 'EarlyStoppingHook'
        if stops and isinstance(hook.get('monitor'), str):
            # One that is not strict warns each time, and never stops.
            yield f'{place}.monitor', hook['monitor']
    for place, scheduler in schedulers(cfg):
        # mmengine shows metrics to schedules by epochs only.
        monitor = scheduler.get('monitor', 'loss')
        watches = 'ReduceOnPlateau' in str(scheduler.get('type'))
        if watches and scheduler.get('by_epoch', True) and isinstance(monitor, str):
            yield f'{place}.monitor', monitor


def schedulers(cfg: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of every schedule of a config."""
    given = cfg.get('param_scheduler')
    if isinstance(given, Mapping) and 'type' not in given:  # of several optimizers
        groups = [(f'param_scheduler.{name}', value) for name, value in given.items()]
    else:
        groups = [('param_scheduler', given)]
    for place, group in groups:
        single = isinstance(group, Mapping)
        listed = group if isinstance(group, list | tuple) else ()
        for i, part in enumerate([group] if single else listed):
            if isinstance(part, Mapping):
                yield place if single else f'{place}[{i}]', part


def _given(name: str, nets: list[str], own: list[str] | None) -> bool:
    if not nets:
        return own is None or name in own
    net, _, key = name.partition('/')
    return net in nets and bool(key) and (own is None or key in own)


def _allowed(nets: list[str], own: list[str] | None) -> str:
    keys = own if own is not None else ['METRIC']
    names = [f'{net}/{key}' for net in nets for key in keys] if nets else keys
    return ', '.join(names[:8]) + (', ...' if len(names) > 8 else '')


def _right_name(name: str, nets: list[str], own: list[str] | None) -> str:
    """The same metric as it will be called: of the largest net, which tells of the training."""
    net, _, key = name.partition('/')
    key = key if net in nets else name
    if own is not None and key not in own:
        ends = [k for k in own if k.split('/')[-1] == key.split('/')[-1]]
        near = did_you_mean(key, own).partition("'")[2].partition("'")[0]
        key = ends[0] if ends else near
    if not key:
        return ''
    chosen = net if net in nets else 'largest' if 'largest' in nets else nets[-1] if nets else ''
    full = f'{chosen}/{key}' if chosen else key
    return f'did you mean {full!r}?' + (f' {chosen} is a sub-net of val_cfg.archs' if nets else '')


def _check_rule(cfg: Mapping[str, Any], where: str, nets: list[str], own: list[str] | None) -> None:
    """'auto' takes the first metric; mmengine must be able to tell whether more is better."""
    if not own:
        return
    place = where.removesuffix('.save_best')
    group, _, name = place.partition('.')
    hook = cfg[group][name] if name else {}
    first = f'{nets[0]}/{own[0]}' if nets else own[0]
    greater = hook.get('greater_keys') or CheckpointHook._default_greater_keys
    less = hook.get('less_keys') or CheckpointHook._default_less_keys
    words = [str(word).lower() for word in (*greater, *less)]
    if hook.get('rule') is None and not any(word in first.lower() for word in words):
        raise ConfigError(
            f'takes the first metric, {first!r}, and cannot tell whether more of it is better',
            where=where,
            got='auto',
            hint=f"set {place}.rule='greater' or 'less'",
        )
