"""The chain behind a folder of `init`: trainings, search, exports, tests, and their table."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from scalenas.config import read_config
from scalenas.errors import EvaluationError, UserError
from scalenas.evaluation.evaluator import build_model
from scalenas.evaluation.trace import trace
from scalenas.paths import file_digest
from scalenas.pipeline import Step, run_steps, tool_command
from scalenas.search.fingerprint import as_plain
from scalenas.staging import write_whole
from scalenas.tasks import task_of
from scalenas.tasks.data import built
from scalenas.tasks.own_data import FOLDER
from scalenas.trained_alone import stock_metrics
from scalenas.visualization.page import write_page
from scalenas.visualization.page_sources import studies_at

NEEDED = ('stock.py', 'base.py', 'supernet.py', 'search.py')
NETS = ('best', 'small')
"""The end of the Pareto front, and the net half-way down to its cheapest."""


@dataclass(frozen=True)
class Chain:
    """The steps in a folder that `init` wrote; results are next to the configs.

    Raises:
        UserError: for a folder without them, or configs that cannot be read.
    """

    folder: Path

    def __post_init__(self) -> None:
        missing = [name for name in NEEDED if not (self.folder / name).is_file()]
        if missing:
            raise UserError(
                f'has no {missing[0]}', where=self.folder, hint='make it with: scalenas init CONFIG'
            )

    @property
    def work(self) -> Path:
        """Logs, checkpoints, stamps of finished steps, the study."""
        return self.folder / 'work_dirs'

    @property
    def exported(self) -> Path:
        """The exported networks."""
        return self.folder / 'exported'

    @cached_property
    def found(self) -> Path:
        """The search's report: another folder for each supernet that was trained."""
        return self.work / f'search_{file_digest(self._checkpoint("supernet"))[:8]}'

    @cached_property
    def configs(self) -> dict[str, Config]:
        """Those of the steps, by the names of their files."""
        names = ('teacher', 'supernet', 'search')
        paths = [path for name in names if (path := self.folder / f'{name}.py').is_file()]
        return {path.stem: read_config(str(path)) for path in paths}

    def _checkpoint(self, name: str) -> Path:
        return self.work / name / f'iter_{self.configs[name].train_cfg.max_iters}.pth'

    def _step(self, title: str, config: str, command: tuple[str, ...], **fields: Any) -> Step:
        """A step that runs again when its config, or what that inherits, has changed."""
        given = json.dumps(as_plain(self.configs[config].to_dict()))
        lists = tuple(sorted((self.folder / FOLDER).glob('*')))
        return Step(title, command, (*lists, *fields.pop('needs', ())), given=given, **fields)

    def train(self) -> list[Step]:
        """Teacher, where there is one, and supernet."""
        steps: list[Step] = []
        for name, cfg in self.configs.items():
            if name == 'search':
                continue
            batch = int(cfg.train_dataloader.batch_size)
            forwards = 3 + (cfg.model.get('distillation') is not None)
            command = ('train.py', self.folder / f'{name}.py', '--work-dir', self.work / name)
            steps.append(
                self._step(
                    f'train the {name}',
                    name,
                    tool_command(*command),
                    needs=tuple(path for step in steps for path in step.makes),
                    makes=(self._checkpoint(name),),
                    resume=('--resume',),
                    effort=float(cfg.train_cfg.max_iters * batch * forwards),
                )
            )
        return steps

    def search(self) -> list[Step]:
        """The search; the supernet must be there."""
        out, checkpoint = self.found, self._checkpoint('supernet')
        step = self._step(
            'search',
            'search',
            tool_command('search.py', self.folder / 'search.py', checkpoint, '--work-dir', out),
            needs=(checkpoint,),
            makes=(out / 'front.json', out / 'all.csv'),
            effort=self.efforts[0],
        )
        return [step]

    @cached_property
    def efforts(self) -> tuple[float, ...]:
        """Forwards of an image in the search, and in each export and test, about."""
        cfg = self.configs['search']
        images = {
            name: len(built(cfg, f'{name}_dataloader'))
            for name in ('search', 'calibration', 'test')
        }
        one = images['search'] + images['calibration']
        exported = (float(3 * images['test'] + images['calibration']), float(images['test']))
        last = () if self.before is None else exported[1:]
        return (float(cfg.search.algorithm.num_total * one), *exported * len(NETS), *last)

    def export(self) -> list[Step]:
        """Two nets of the front, proven, and tested with the task package's own tool."""
        found, checkpoint = self.found, self._checkpoint('supernet')
        front = json.loads((found / 'front.json').read_text(encoding='utf-8'))
        chosen = _chosen(len(front))
        cfg = self.configs['search']
        tool, efforts = _stock_tool(task_of(cfg).package), self.efforts[1:3]
        steps = []
        for name, index in chosen.items():
            files = tuple(self.exported / f'{name}.{end}' for end in ('py', 'pth', 'yaml', 'json'))
            export = tool_command(
                *('export.py', found, checkpoint, '--config', self.folder / 'search.py'),
                *('--index', index, '--name', name, '--out', self.exported, '--force'),
            )
            needs = (found / 'front.json', checkpoint)
            title = f'export the {name} net'
            steps.append(
                self._step(*(title, 'search', export), needs=needs, makes=files, effort=efforts[0])
            )
            tested = self.work / f'test_{name}'
            title = f'test the {name} net with {task_of(cfg).package}'
            test = (*files[:2], '--work-dir', tested)
            steps.append(
                Step(title, tool_command(tool, *test), files[:2], (tested,), effort=efforts[1])
            )
        if self.before is not None:
            name, config, weights = self.before
            tested = self.work / f'test_{name}'
            given = ('test.py', self.folder / config, weights, '--work-dir', tested)
            files = (*steps[0].needs[:-2], self.folder / config, weights)
            title = f'test {name}, to compare with'
            steps.append(Step(title, tool_command(*given), files, (tested,), effort=efforts[1]))
        return steps

    @cached_property
    def before(self) -> tuple[str, str, Path] | None:
        """The model that the supernet starts as: its name, its config, its weights."""
        start: Any = self.configs['supernet'].model.get('init_from') or {}
        if 'stock' in start:
            return 'yours', 'stock.py', Path(start.stock)
        return ('teacher', 'base.py', self._checkpoint('teacher')) if start else None

    def _row_before(self, metric: str) -> list[str]:
        """Its row, in which only the test on the reported split has a score."""
        if self.before is None:
            return []
        name, config, _ = self.before
        cfg, size = read_config(str(self.folder / config)), self.configs['search'].search.size
        costs = ['-', '-']
        if size is not None:
            try:
                cost = trace(build_model(cfg), tuple(size), 3)
                costs = [f'{cost["params"] / 1e6:.3f} M', f'{cost["macs"] / 1e9:.3f} G']
            except EvaluationError as error:  # the nets are there, and their rows
                print(f'not counted: {error}')
        scores = stock_metrics(self.work / f'test_{name}')
        value = scores.get(metric, scores.get(f'largest/{metric}'))
        return [f'| {name} | {" | ".join(costs)} | - | - | - | {_text(value)} |']

    def table(self) -> str:
        """What the exported networks cost and score, in Markdown."""
        rows = []
        for name in _chosen(len(json.loads((self.found / 'front.json').read_text()))):
            card = json.loads((self.exported / f'{name}.json').read_text(encoding='utf-8'))
            rows.append((name, card, stock_metrics(self.work / f'test_{name}')))
        cfg = self.configs['search']
        metric = cfg.search.objectives[0][0]
        head = ('net', 'params', 'macs', 'searched', 'in the supernet', 'exported', 'stock test')
        lines = [f'{metric}:', '', '| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
        for name, card, stock in rows:
            scores = [card['metrics'][kind].get(metric) for kind in ('search', 'test', 'exported')]
            shown = [name, f'{card["cost"]["params"] / 1e6:.3f} M']
            shown += [f'{card["cost"]["macs"] / 1e9:.3f} G', *map(_text, scores)]
            lines.append('| ' + ' | '.join([*shown, _text(stock.get(metric))]) + ' |')
        return '\n'.join([*lines, *self._row_before(metric)]) + '\n'


def run(folder: str | Path) -> str:
    """Does all steps of a folder that are not done yet; the table of its networks.

    Interrupted at any point, the same call goes on with the step that was not finished.

    Raises:
        UserError: when a step fails, or the folder holds no configs of `init`.
    """
    chain = Chain(Path(folder))
    stamps = chain.work / 'steps'
    trainings, later = chain.train(), chain.efforts
    run_steps(trainings, stamps / 'train', after=later)
    run_steps(chain.search(), stamps / 'search', len(trainings), later[1:])
    run_steps(chain.export(), stamps / 'export', len(trainings) + 1)
    table = chain.table()
    write_whole(chain.folder / 'results.md', table)
    try:
        write_page(studies_at([str(chain.found)], []), chain.folder / 'report.html', [])
    except UserError as error:  # such as plotly, which is not installed: the rest is there
        print(f'no report.html: {error}')
    return table


def _chosen(front: int) -> dict[str, int]:
    """Name -> which entry of a front of so many; of one there is no small net."""
    entries = {NETS[0]: front - 1, NETS[1]: (front - 1) // 2}
    return entries if front > 1 else {NETS[0]: 0}


def _text(value: Any) -> str:
    return '-' if value is None else f'{value:.4f}'


def _stock_tool(package: str) -> Path:
    """The test tool that an installed package of the ecosystem brings.

    Raises:
        UserError: when it is not there.
    """
    spec = importlib.util.find_spec(package) if package else None
    path = Path(spec.origin or '').parent / '.mim/tools/test.py' if spec else Path()
    if spec is None or not path.is_file():
        raise UserError('has no tools/test.py here', where=package, hint='see docs/install.md')
    return path
