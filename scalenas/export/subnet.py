"""Export of one sub-net: slice, calibrate, write, prove, measure; in place only when proven."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from scalenas.arch import Size, dump
from scalenas.arch.strict import as_size
from scalenas.complexity import Cost
from scalenas.errors import ExportError
from scalenas.evaluation import SubnetEvaluator, calibrated
from scalenas.evaluation.config_net import search_size
from scalenas.family import family_of, with_field
from scalenas.models import SuperLinear
from scalenas.models.checkpoint import check_weights, load_checkpoint
from scalenas.models.supernet import locate
from scalenas.models.weight_slices import cut_state_dict
from scalenas.paths import file_digest, writable_folder
from scalenas.version import __version__

from .choose import Choice
from .config import plain_config, resizes, standalone_config, width_of
from .deployed import write_deployed
from .files import Saving, check_free, checkpoint_bytes, names_of, plain, publish, staged
from .graphs import Graphs
from .standalone import module_name, standalone_source
from .text import as_config
from .verify import Difference, difference

_STANDALONE = """Around the backbone of {module}.py, without scalenas:
PYTHONPATH must hold the folder of these files."""


NO_GRAPHS = Graphs()


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what was proven of it."""

    files: list[Path]
    cost: Cost
    difference: Difference
    in_supernet: dict[str, float]
    alone: dict[str, float]
    saving: Saving | None = None
    deployed: Difference | None = None

    def __str__(self) -> str:
        lines = [str(self.cost), *([str(self.saving)] if self.saving else [])]
        lines.append(f'proof: {self.difference}')
        if self.deployed:
            lines.append(f'proof of the deployed form: {self.deployed}')
        for name, value in self.alone.items():
            lines.append(f'{name}: {value:.6f} (in the supernet: {self.in_supernet[name]:.6f})')
        return '\n'.join([*lines, *(f'wrote {path}' for path in self.files)])


def export_subnet(
    choice: Choice,
    cfg: Config,
    checkpoint: str | Path,
    out: str | Path,
    name: str | None = None,
    size: Size | None = None,
    device: str | None = None,
    standalone: bool = False,
    graphs: Graphs = NO_GRAPHS,
    prune: bool = False,
    deploy: bool = False,
    force: bool = False,
    command: str = '',
) -> Exported:
    """Writes NAME.py, NAME.pth, NAME.yaml and NAME.json of a sub-net into `out`.

    The written files are read back and must compute what the sub-net computes in the supernet;
    its metrics on the test images are measured on both sides. `standalone` adds NAME_backbone.py, a
    backbone in one file, and NAME_standalone.py, the config that uses it; `graphs` adds NAME.onnx,
    NAME.xml and NAME.bin, or NAME_int8.onnx.
    `deploy` adds NAME_deployed.py and NAME_deployed.pth, the same network for inference alone.
    `prune` leaves out blocks and fusions whose result nothing reads; what is left is compared with
    the whole sub-net. `size` is the input that costs are counted for, by default the config's
    `search.size`; `device` by default that of training.

    Raises:
        ExportError: when the proof fails, a file is there with other content, or the choice is a
            search's with another checkpoint.
        UserError: for a config, a checkpoint or an arch that do not fit each other.
    """
    name = name or choice.name
    if not re.fullmatch(r'\w[\w.-]*', name):
        raise ExportError(
            where='--name', got=name, allowed='letters, digits, dots, dashes and underscores'
        )
    own = choice.arch.size if resizes(cfg) else None
    size = size or own or search_size(cfg)
    if size is None:
        raise ExportError(
            'is missing: height and width that costs are for',
            where='search.size',
            hint='give them with --size H W',
        )
    as_size(size, '--size')
    if own is not None and tuple(size) != own:
        raise ExportError(
            where='--size',
            got=tuple(size),
            allowed=f'{own}, to which {choice.name} brings images',
            hint='leave it out',
        )
    family = family_of(choice.arch)
    for option, part, asked in (
        ('standalone', 'standalone', standalone),
        ('prune', 'pruned', prune),
    ):
        having = [each.name for each in with_field(part)]
        if asked and family.name not in having:
            raise ExportError(
                where=f'--{option}',
                got=family.name,
                allowed=f'networks of the families {", ".join(having)}',
                hint='leave it out',
            )
    if not force:
        choice.check_checkpoint(checkpoint)
    origin = _origin(choice, cfg, checkpoint, command)
    whole: Any = choice.arch
    arch = family.pruned(whole) if prune else whole
    check_free(writable_folder(out), name, dump(arch), origin, force)
    evaluator = SubnetEvaluator.from_config(cfg, checkpoint, device, split='test')
    model = evaluator.model
    graphs.check(model)
    count = evaluator.counter(None if own else (size[0], size[1]))
    cost = count(arch)
    saving = Saving.of(whole, arch, count) if prune else None
    with calibrated(model, choice.arch, evaluator.calibration), staged(Path(out)) as stage:
        inside = evaluator.measure(model)
        card: dict[str, Any] = {'name': name, 'size': list(size), 'cost': dict(cost)}
        card |= {'metrics': {'test': inside, 'search': dict(choice.metrics)}, 'origin': origin}
        if choice.measured:
            card['latency'] = dict(choice.measured)
        if saving is not None:
            card['pruned'] = saving.to_dict()
        meta: dict[str, Any] = {'scalenas': {'arch': arch.to_dict(), **card}}
        if evaluator.evaluator.dataset_meta:
            meta['dataset_meta'] = evaluator.evaluator.dataset_meta
        variables = plain_config(cfg, arch)
        header = _header(name, arch, cost, size, inside, origin)
        text = as_config(variables, header)
        meta['cfg'] = text  # as mmengine leaves it: an inferencer can do with the weights alone
        (stage / f'{name}.py').write_text(text, encoding='utf-8')
        (stage / f'{name}.pth').write_bytes(checkpoint_bytes(subnet_state(model, arch), meta))
        (stage / f'{name}.yaml').write_text(dump(arch), encoding='utf-8')
        static = load_exported(stage / f'{name}.py', stage / f'{name}.pth')
        static.to(next(model.parameters()).device)
        gap = difference(model, static, evaluator.validation)
        if not gap.equal:
            raise ExportError(
                f'the exported net is not the sub-net: {gap}; nothing written', where=name
            )
        alone = evaluator.measure(static)
        card |= {'difference': {'float32': gap.single, 'float64': gap.double}}
        card['metrics']['exported'] = alone
        pixels = (size[0], size[1])
        card |= graphs.write(static, stage, name, pixels, arch, evaluator)
        (stage / f'{name}.json').write_text(json.dumps(plain(card), indent=1) + '\n')
        gap_deployed = None
        if deploy:
            gap_deployed = write_deployed(
                static, variables, header, meta, stage, name, evaluator.validation
            )
        if standalone:
            (stage / f'{module_name(name)}.py').write_text(standalone_source(arch, name))
            header = f'{header}\n{_STANDALONE.format(module=module_name(name))}'
            text = as_config(standalone_config(variables, arch, name), header)
            (stage / f'{name}_standalone.py').write_text(text, encoding='utf-8')
        files = publish(stage, Path(out), force, names_of(name))
    return Exported(files, cost, gap, inside, alone, saving, gap_deployed)


def subnet_state(model: nn.Module, arch: Any) -> dict[str, Tensor]:
    """State dict of the task model with `arch` as its backbone, values as they are now.

    A classifier of any width is cut to that of the arch.
    """
    path, supernet = locate(model)
    wrapper = 'architecture.' if path.startswith('architecture.') else ''
    state = {
        key.removeprefix(wrapper): value
        for key, value in model.state_dict().items()
        if key.startswith(wrapper)
    }
    sliced = cut_state_dict(state, supernet.slices(arch), f'{path.removeprefix(wrapper)}.')
    for name, module in model.named_modules():
        if isinstance(module, SuperLinear):
            key = f'{name.removeprefix(wrapper)}.weight'
            sliced[key] = sliced[key][:, : width_of(arch)]
    return sliced


def load_exported(config: Path, weights: Path) -> Any:
    """The model of an exported config with its weights, in eval mode."""
    cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        model = MODELS.build(cfg.model)
    state = load_checkpoint(weights)['state_dict']
    check_weights(model.state_dict(), state, weights)
    model.load_state_dict(state)
    model.eval()
    return model


def _origin(choice: Choice, cfg: Config, checkpoint: str | Path, command: str) -> Mapping[str, Any]:
    return {
        'checkpoint': Path(checkpoint).name,
        'checkpoint_sha256': file_digest(checkpoint),
        'config': Path(cfg.filename or '').name,
        'source': choice.source,
        'slot': choice.slot,
        'command': command,
        'scalenas': __version__,
    }


def _header(
    name: str,
    arch: Any,
    cost: Cost,
    size: Size,
    metrics: Mapping[str, float],
    origin: Mapping[str, Any],
) -> str:
    slot = '' if origin['slot'] is None else f', slot {origin["slot"]}'
    return '\n'.join(
        [
            f'{name}: {arch.summary}, {cost}',
            f'(whole model, one image of {size[0]}x{size[1]}).',
            f'Sub-net {origin["source"]}{slot} of the supernet {origin["config"]} with the weights',
            f'{origin["checkpoint"]} (sha256 {origin["checkpoint_sha256"][:16]}).',
            'On the test images: ' + ', '.join(f'{k} {v:.4f}' for k, v in metrics.items()),
            f'Written by scalenas {origin["scalenas"]}: {origin["command"] or "export_subnet"}',
        ]
    )
