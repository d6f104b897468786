"""Where a search keeps its study and its report, if nobody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scalenas.paths import writable_folder

from .databases import shown
from .fingerprint import Settings, difference
from .objectives import Objectives
from .record import StudyError
from .report import check_report
from .started import STORAGE
from .storage import WAIT_SECONDS, check_place
from .study import SearchStudy


@dataclass(frozen=True, slots=True)
class Places:
    """Storage and name of a study, the folder of its report, the study that its plots compare."""

    storage: str
    study: str
    report: Path
    random_study: str
    inside: str = '.'
    """Where the report lies in the work dir."""

    @classmethod
    def of(
        cls,
        config: str,
        work_dir: str | None,
        storage: str | None,
        study: str | None,
        algorithm: str,
        usual: str,
    ) -> Self:
        """For the config at `config`.

        One work dir holds the searches by several algorithms: the report of that which the config
        names (`usual`) lies in the work dir itself, each other one in a folder with its name.
        """
        options = {'--work-dir': work_dir, '--storage': storage, '--study-name': study}
        for option, value in options.items():
            if value == '':
                raise StudyError(where=option, got=value, allowed='a name', hint='or leave it out')
        stem = Path(config).stem
        folder = Path(work_dir or f'work_dirs/{stem}')
        sub_folder = study or (algorithm if algorithm != usual else '')
        return cls(
            storage or str(folder / STORAGE),
            study or f'{stem}_{algorithm}',
            folder / sub_folder,
            f'{stem}_random',
            sub_folder or '.',
        )

    def check(self) -> None:
        """Pass when study and report can be written; makes their folders.

        Raises:
            UserError: when they cannot, or another study's report is in the way.
        """
        check_report(self.report, self.study)
        check_place(self.storage)
        writable_folder(self.report)

    def open(
        self, objectives: Objectives, settings: Settings, wait: float = WAIT_SECONDS
    ) -> SearchStudy:
        """The study, made if there is none; see `SearchStudy.open`."""
        return SearchStudy.open(self.storage, self.study, objectives, settings, wait)

    def read(self, objectives: Objectives) -> SearchStudy:
        """The study that is there; see `SearchStudy.read`.

        Raises:
            StudyError: when it is not there, or of another objectives.
            SearchError: when another study's report is in the way of its own.
        """
        study = SearchStudy.read(self.storage, self.study)
        if study.objectives != objectives:
            both = study.objectives.to_list(), objectives.to_list()
            apart = difference(*both, 'search.objectives')
            raise StudyError(
                f'was made for another {apart.name}',
                where=f'study {self.study} in {shown(self.storage)}',
                got=apart.here,
                allowed=[apart.there],
                hint='restore it',
            )
        check_report(self.report, self.study)
        return study
