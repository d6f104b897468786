"""A search in one call: what tools/search.py and a notebook do, and its result.

It is in no room, because it uses several; `scalenas.search.run` is its public name.
"""

from __future__ import annotations

import base64
import html
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import Config

from scalenas.arch import Arch
from scalenas.complexity import COLUMNS, Budget
from scalenas.config import read_config
from scalenas.errors import UserError
from scalenas.latency import LatencyTable
from scalenas.search import (
    AbstractSearch,
    GivenNetworks,
    Objectives,
    Places,
    ProgressLine,
    Record,
    SearchError,
    SearchPlan,
    SearchStudy,
    Start,
    as_wait,
    front_of,
    run_search,
)
from scalenas.search.started import CARD
from scalenas.search_scalars import SearchScalars
from scalenas.space import AbstractSpace
from scalenas.tasks import metric_names
from scalenas.visualization.cost_table import Extent
from scalenas.visualization.search_report import SearchReport

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

SHOWN = 20
"""Networks of a front that a notebook shows."""


@dataclass(frozen=True, repr=False)
class Result:
    """What a search has found.

    Attributes:
        records: every evaluated network, by slot.
        objectives: what was traded, the most important first.
        folder: where tables, archs and the figure are; `tools/export.py` takes it.
        study: the name of the study in its storage.
    """

    records: Sequence[Record]
    objectives: Objectives
    folder: Path
    study: str

    @property
    def front(self) -> list[Record]:
        """The Pareto front: networks that no other one dominates, by rising cost."""
        return front_of(self.records, self.objectives)

    @property
    def figure(self) -> Path:
        """The drawing of all networks and the front (PNG); there once a network is evaluated."""
        return self.folder / 'front.png'

    def best(self, budget: Mapping[str, Any] | None = None) -> Record:
        """The best of all evaluated networks by the first objective, of equal ones by the second.

        `tools/export.py` looks at the Pareto front alone, whose archs are in the folder: under a
        lower bound, or one on a column that is no objective, a network off the front may be better.

        Args:
            budget: bounds on columns, such as `dict(macs=(None, 300e9))`.

        Raises:
            UserError: for a column that the networks do not have, or when none is within.
        """
        if not self.records:
            raise SearchError('no network is evaluated yet', where=self.study)
        bounds = Budget.from_dict(budget, self.records[0].cost, 'budget')
        within = [record for record in self.records if bounds.allows(record.cost)]
        if not within:
            nearest = min(self.records, key=lambda record: bounds.violation(record.cost))
            raise SearchError(
                'no evaluated network is within',
                where='budget',
                got=str(bounds),
                hint=f'slot {nearest.slot} is the nearest, with {nearest.cost}',
            )
        return self.objectives.best(within)

    def frame(self) -> pandas.DataFrame:
        """A row for each network, by slot: generation, costs, metrics, whether it is on the front.

        Raises:
            SearchError: where pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise SearchError('needs pandas', where='frame', hint='pip install pandas') from None
        best = {record.slot for record in self.front}
        rows = [
            {
                'slot': record.slot,
                'generation': record.generation,
                **record.cost,
                **record.metrics,
                'front': record.slot in best,
                'arch': record.arch,
            }
            for record in self.records
        ]
        columns = None if rows else ['slot', 'generation', 'front', 'arch']
        return pandas.DataFrame(rows, columns=columns).set_index('slot')

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        counts = f'{len(self.records)} networks, {len(self.front)} on the front'
        best = f', best {_text(self.objectives, self.best())}' if self.records else ''
        return f'<Result of {self.study}: {counts}{best}; {self.folder}>'

    def _repr_html_(self) -> str:
        front = self.front
        head = ''.join(f'<th>{html.escape(name)}</th>' for name in ('slot', *self.objectives.names))
        rows = ''.join(
            f'<tr><td>{record.slot}</td>'
            + ''.join(
                f'<td>{html.escape(o.text(o.value(record.cost, record.metrics)))}</td>'
                for o in self.objectives
            )
            + '</tr>'
            for record in front[:SHOWN]
        )
        more = f'<p>and {len(front) - SHOWN} more</p>' if len(front) > SHOWN else ''
        image = ''
        if self.figure.is_file():
            data = base64.b64encode(self.figure.read_bytes()).decode()
            image = f'<img src="data:image/png;base64,{data}" width="600">'
        title = html.escape(repr(self))
        return f'<p>{title}</p><table><tr>{head}</tr>{rows}</table>{more}{image}'


Networks = Callable[[AbstractSpace[Any]], Iterable[Arch]]


def run(
    config: str | Path | Config,
    checkpoint: str | Path,
    *,
    work_dir: str | Path | None = None,
    algorithm: str | None = None,
    num_evaluations: int | None = None,
    seed: int | None = None,
    budget: Budget | Mapping[str, Any] | None = None,
    storage: str | None = None,
    storage_wait: float | None = None,
    study_name: str | None = None,
    mode: str | None = None,
    device: str | None = None,
    cfg_options: Mapping[str, Any] | None = None,
    archs: Networks | None = None,
    progress: bool = True,
) -> Result:
    """Search a trained supernet, or go on with a search that was stopped; as tools/search.py.

    The study is kept in `storage`, so the same call later, or in another process at the same time,
    evaluates no network twice.

    Args:
        config: of the supernet, with `search` and `search_dataloader`; a path, or as it was read.
        checkpoint: of the supernet.
        work_dir: default: `work_dirs/` and the name of the config.
        algorithm: by name; default: that of the config.
        num_evaluations: in all; more than before continue a search.
        budget: bounds on columns, with those of the config, as `dict(macs=(None, 300e9))`, or
            `'60%'` of what the largest network has.
        storage: a .db or .journal file, or a URL; default: `study.db` in the work dir.
        storage_wait: seconds to wait for a storage that is away (default: 1800).
        study_name: default: names of the config and the algorithm.
        mode: 'sync' or 'async', of several workers; default: that of the config.
        device: 'cpu', 'cuda' or 'cuda:N'; default: that of a training.
        cfg_options: settings that replace those of the config, `{'search.seed': 1}`.
        archs: of the supernet's space, the networks to evaluate: these and no others.
        progress: show how far it is, the best so far, and the time left.

    Raises:
        UserError: one line, when something is missing, wrong or does not fit.
    """
    if archs is not None and not callable(archs):
        raise SearchError(where='archs', got=archs, allowed='a function of the space')
    wait = as_wait(storage_wait)
    cfg, name = _config(config, cfg_options)
    asked = SearchPlan.from_dict(cfg.get('search'))
    bounds = budget if isinstance(budget, Budget) else _budget(budget, asked)
    plan = asked.with_(algorithm, num_evaluations, seed, bounds, mode)
    plan.check_metrics(metric_names(cfg, _evaluator(cfg)))
    places = places_of(cfg, name, plan, asked, work_dir, storage, study_name)
    from scalenas.evaluation import SubnetEvaluator

    places.check()
    evaluator = SubnetEvaluator.from_config(cfg, checkpoint, device)
    counter = evaluator.counter(plan.size)
    plan = plan.within(evaluator.space, counter)
    largest = counter(evaluator.space.largest())
    if archs is None:
        search = plan.build(evaluator.space, counter)
        extent = Extent.of(search.space, counter, search.cost)
        largest = extent.largest
        for line in extent.lines(plan.budget):
            logger.info('%s', line)
    else:
        chosen = list(archs(evaluator.space))
        if not chosen:
            raise SearchError('gives no network', where='archs')
        search = GivenNetworks(evaluator.space, plan.objectives, plan.cost(counter), chosen)
    settings = plan.settings(search, checkpoint, cfg)
    start = Start.of(
        config,
        checkpoint,
        cfg_options,
        places.inside,
        largest,
        algorithm=algorithm,
        num_evaluations=num_evaluations,
        seed=seed,
        budget=bounds.to_dict() or None,
        storage=storage,
        study_name=study_name,
        mode=mode,
        archs=archs is not None or None,
    )
    with _quiet_optuna():
        study = places.open(plan.objectives, settings, wait)
        plan.check_records(study.records())
        study.remember(start)
        with closing(SearchScalars(cfg, places.report, len(study.records()))) as scalars:
            records = _searched(plan, search, study, evaluator, places, progress, scalars)
    return Result(records, plan.objectives, places.report, places.study)


def read(
    config: str | Path | Config,
    *,
    work_dir: str | Path | None = None,
    algorithm: str | None = None,
    storage: str | None = None,
    study_name: str | None = None,
    cfg_options: Mapping[str, Any] | None = None,
) -> Result:
    """The result of a search as far as it is; writes its tables and figure again.

    The arguments are those of `run`.

    Raises:
        UserError: when there is no such study, or it was made for other objectives.
    """
    cfg, name = _config(config, cfg_options)
    asked = SearchPlan.from_dict(cfg.get('search'))
    plan = asked.with_(algorithm)
    places = places_of(cfg, name, plan, asked, work_dir, storage, study_name)
    records = places.read(plan.objectives).records()
    report = SearchReport(places, plan.objectives)
    report.measured = _timed(plan, records, places, known_only=True)
    report(records)
    return Result(records, plan.objectives, places.report, places.study)


def places_of(
    cfg: Config,
    name: str,
    plan: SearchPlan,
    asked: SearchPlan,
    work_dir: str | Path | None,
    storage: str | None,
    study_name: str | None,
) -> Places:
    """Where the search of a plan is kept, `asked` being what the config itself asks for."""
    work = cfg.get('work_dir') if work_dir is None else str(work_dir)
    return Places.of(name, work, storage, study_name, plan.algorithm, asked.algorithm)


def _config(config: str | Path | Config, options: Mapping[str, Any] | None) -> tuple[Config, str]:
    if not isinstance(config, Config):
        return read_config(str(config), dict(options or {})), str(config)
    if options:
        raise UserError('is for the path of a config', where='cfg_options', hint='set them in it')
    return config, config.filename or 'search'


def _evaluator(cfg: Config) -> str:
    return 'val_evaluator' if cfg.get('search_evaluator') is None else 'search_evaluator'


def _budget(data: Mapping[str, Any] | None, plan: SearchPlan) -> Budget:
    return Budget.from_dict(data, (*COLUMNS, *plan.columns), 'budget')


def _searched(
    plan: SearchPlan,
    search: AbstractSearch,
    study: SearchStudy,
    evaluate: Callable[[Arch], Mapping[str, float]],
    places: Places,
    progress: bool,
    scalars: SearchScalars,
) -> list[Record]:
    report = SearchReport(places, plan.objectives)
    report.search, report.study = search, study
    if not (places.report / CARD).is_file():
        report.on_the_way(study.records())  # who is stopped early can go on by the work dir

    def after(records: Sequence[Record]) -> None:
        report.on_the_way(records)
        scalars(records, plan.objectives)

    shown = ProgressLine(plan.objectives, search.num_total) if progress else nullcontext()
    with shown as line:
        run_search(
            search,
            study,
            plan.scored(evaluate),
            seed=plan.seed,
            progress=line,
            after=after,
            mode=plan.mode,
        )
    records = study.records()
    # Once more: an alternating search notes its last iteration when it is asked for more.
    report(records)
    report.measured = _timed(plan, records, places)
    if report.measured:
        report(records)
    return records


def _timed(
    plan: SearchPlan, records: Sequence[Record], places: Places, known_only: bool = False
) -> dict[int, dict[str, float]]:
    """Times of the front's networks as a whole, where a column is a table of units."""
    if not any(isinstance(column, LatencyTable) for column in plan.columns.values()):
        return {}
    from scalenas.deploy.winners import measured_columns

    archs = {record.slot: record.arch for record in front_of(records, plan.objectives)}
    folder = places.report / 'latency'
    return measured_columns(archs, plan.columns, plan.size, folder, known_only)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """The study says in one line what Optuna says in several."""
    theirs = logging.getLogger('optuna')
    level = theirs.level
    theirs.setLevel(logging.ERROR)
    try:
        yield
    finally:
        theirs.setLevel(level)


def _text(objectives: Objectives, record: Record) -> str:
    return ', '.join(o.text(o.value(record.cost, record.metrics)) for o in objectives)
