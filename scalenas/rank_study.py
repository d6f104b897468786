"""What tools/rank_study.py does: evaluate paths, train some alone, correlate, write, draw."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mmengine.config import Config

from scalenas.arch import Arch, dump
from scalenas.arch.strict import as_int
from scalenas.config import read_config
from scalenas.errors import UserError
from scalenas.paths import writable_folder
from scalenas.pipeline import run_steps
from scalenas.search import (
    Comparison,
    Record,
    SearchPlan,
    compare,
    comparisons_text,
    paths_text,
    rank_table,
    read_alone,
    read_paths,
    sampled_paths,
    spread_by_cost,
    write_findings,
)
from scalenas.searching import run
from scalenas.space import AbstractSpace
from scalenas.trained_alone import TrainedAlone
from scalenas.visualization.draw_samples import draw_ranks


@dataclass(frozen=True)
class RankJob:
    """A rank study of one supernet; everything it finds lies in `work`."""

    args: argparse.Namespace
    cfg: Config
    plan: SearchPlan
    work: Path

    @classmethod
    def of(cls, args: argparse.Namespace) -> Self:
        """As the command line asks for it; whatever is wrong with that is said here.

        Raises:
            UserError: for options that exclude each other, a config without a search, or one that
                trains no network alone.
        """
        if args.alone and args.train:
            raise UserError(
                'either the scores are there or they are to be made', where='--alone and --train'
            )
        _check_enough(args.num, '--num')
        _check_enough(args.num_alone, '--num-alone')
        as_int(args.seed, '--seed', 0)
        as_int(args.resamples, '--resamples')
        if args.train:
            TrainedAlone.from_config(args.train, (), Path(), *args.train_options)
        cfg = read_config(args.config, args.cfg_options)
        work = args.work_dir or Path('work_dirs') / f'{Path(args.config).stem}_ranks'
        return cls(args, cfg, SearchPlan.from_dict(cfg.get('search')), work)

    def run(self) -> str:
        """The table; figure, table and paths are written into the work dir.

        Raises:
            UserError: one line, when something that is needed is missing or does not fit.
        """
        writable_folder(self.work)
        alone = read_alone(self.args.alone) if self.args.alone else None
        if alone is not None:
            _check_enough(len(alone), f'networks of --alone {self.args.alone}')
        records = self._evaluate(alone)
        if self.args.train:
            alone = self._train(records)
        rows = compare(
            records, self.plan.objectives, alone, self.args.resamples, seed=self.args.seed
        )
        return self._write({self.args.name or Path(self.args.config).stem: rows})

    def _archs(self, space: AbstractSpace[Any], alone: Mapping[Arch, float] | None) -> list[Arch]:
        if self.args.archs:
            return [*read_paths(self.args.archs), *(alone or ())]
        if alone is not None:
            return list(alone)
        return sampled_paths(space, self.args.num, self.args.seed)

    def _evaluate(self, alone: Mapping[Arch, float] | None) -> list[Record]:
        result = run(
            self.cfg,
            self.args.checkpoint,
            work_dir=self.work,
            storage=str(self.work / 'study.db'),
            study_name='ranks',
            device=self.args.device,
            archs=lambda space: self._archs(space, alone),
        )
        write_findings({'paths.json': paths_text(result.records)}, self.work)
        return list(result.records)

    def _train(self, records: Sequence[Record]) -> dict[Arch, float]:
        objectives = self.plan.objectives
        chosen = spread_by_cost(records, objectives, self.args.num_alone)
        files = {f'alone/{record.slot:04}.yaml': dump(record.arch) for record in chosen}
        write_findings(files, self.work)
        archs = [self.work / name for name in files]
        job = TrainedAlone.from_config(
            self.args.train, archs, self.work / 'alone', *self.args.train_options
        )
        run_steps(job.steps(), self.work / 'alone/stamps')
        job.write_scores(self.work / 'alone.csv', objectives.only_metric('a rank study').name)
        return read_alone(self.work / 'alone.csv')

    def _write(self, rows: Mapping[str, Sequence[Comparison]]) -> str:
        table = rank_table(rows)
        files = {'ranks.md': table + '\n'}
        (comparisons,) = rows.values()
        files['ranks.json'] = comparisons_text(comparisons)
        write_findings(files, self.work)
        draw_ranks(self.work / 'ranks.png', rows, self.plan.objectives.metrics[0].name)
        return table


def _check_enough(networks: int, where: str) -> None:
    if networks < 3:
        raise UserError(where=where, got=networks, allowed='at least 3, for a correlation')
