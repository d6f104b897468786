"""How a search was started: kept in its study and its report, so that nobody is asked again."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from scalenas.arch.strict import as_mapping
from scalenas.errors import unreadable

from .databases import is_url, shown
from .record import SearchError

CARD: Final = 'study.json'
"""The file of a report that says what the numbers belong to, and in it how the search began."""

STORAGE: Final = 'study.db'
"""The study in a work dir, if nobody names another storage."""

GIVE: Final = {
    'config': 'give the config of the supernet',
    'checkpoint': 'give the checkpoint of the supernet',
}


@dataclass(frozen=True, slots=True)
class Start:
    """The files and options of a search, as plain data.

    Attributes:
        config: path of the config as it was given; '' where it was no file, or was changed.
        checkpoint: path of the supernet's checkpoint, likewise.
        folder: the folder in which these were given, absolute.
        options: settings that replaced those of the config, each as a Python literal.
        inside: where the report lies in the work dir; '.' for the work dir itself.
        given: other arguments of `scalenas.search.run`; those that were left out are not there.
        largest: cost of the largest network of the space, of which bounds may be a percentage.
    """

    config: str
    checkpoint: str
    folder: str
    options: Mapping[str, str] = field(default_factory=dict)
    inside: str = '.'
    given: Mapping[str, Any] = field(default_factory=dict)
    largest: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        config: object,
        checkpoint: object,
        options: Mapping[str, Any] | None,
        inside: object,
        largest: Mapping[str, float],
        **given: Any,
    ) -> Self:
        """Of a call in the present folder; what is None was not given."""
        texts = {name: repr(value) for name, value in (options or {}).items()}
        whole = isinstance(config, str | os.PathLike) and all(map(_is_literal, texts.values()))
        if 'storage' in given and given['storage'] is not None:
            given['storage'] = shown(given['storage'])
        return cls(
            str(config) if whole else '',
            str(checkpoint),
            str(Path.cwd()),
            texts if whole else {},
            str(inside),
            {name: value for name, value in given.items() if value is not None},
            dict(largest),
        )

    @classmethod
    def of_report(cls, folder: str | Path) -> Self:
        """Of the search whose report lies in a folder.

        Raises:
            UserError: where there is no report, or one of a version that did not keep this.
        """
        path, hint = Path(folder, CARD), 'give the config and the checkpoint of the supernet'
        try:
            card = json.loads(path.read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise unreadable(path, error, SearchError, 'the card of a search', hint) from None
        if not isinstance(card, dict) or card.get('started') is None:
            raise SearchError('does not say how the search was started', where=path, hint=hint)
        return cls.from_dict(card['started'], f'{path}: started')

    @classmethod
    def from_dict(cls, data: object, where: str = 'started') -> Self:
        """The inverse of `to_dict`.

        Raises:
            UserError: for what is none.
        """
        table = as_mapping(data, where, [field.name for field in fields(cls)])
        start = cls(**table)
        for name in ('config', 'checkpoint', 'folder', 'inside'):
            if not isinstance(table[name], str):
                raise SearchError(where=f'{where}.{name}', got=table[name], allowed='a path')
        for name in ('options', 'given', 'largest'):
            if not isinstance(table[name], Mapping):
                raise SearchError(where=f'{where}.{name}', got=table[name], allowed='a table')
        for name, text in start.options.items():
            if not isinstance(text, str) or not _is_literal(text):
                place = f'{where}.options.{name}'
                raise SearchError(where=place, got=text, allowed='a Python literal as text')
        return start

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @property
    def cfg_options(self) -> dict[str, Any]:
        """The settings that replaced those of the config, as values."""
        return {name: ast.literal_eval(text) for name, text in self.options.items()}

    def file(self, name: str, where: object) -> str:
        """Path of the `'config'` or the `'checkpoint'`, from the present folder.

        Raises:
            SearchError: when it is not known, or there no more; `where` is the search.
        """
        given: str = getattr(self, name)
        if not given:
            problem = f'its {name} is not known, for it was no file as it stands'
            raise SearchError(problem, where=where, hint=GIVE[name])
        path = Path(self.folder, given)
        if path.is_file():
            return given if Path(given).is_file() and path.samefile(given) else str(path)
        if Path(given).is_file():  # where the whole project was moved
            return given
        raise SearchError(f'its {name} is not there any more: {path}', where=where, hint=GIVE[name])

    def call(self, folder: str | Path) -> dict[str, Any]:
        """Arguments of `scalenas.search.run` that continue the search, its report in `folder`.

        Raises:
            SearchError: for a search of networks that a program chose, or when a file is missing.
        """
        given = dict(self.given)
        if given.pop('archs', False):
            raise SearchError(
                'evaluates networks that a program chose', where=folder, hint='run that again'
            )
        depth = len(Path(self.inside).parts)
        work = Path(folder).absolute().parents[depth - 1] if depth else Path(folder)
        return {
            'config': self.file('config', folder),
            'checkpoint': self.file('checkpoint', folder),
            'cfg_options': self.cfg_options,
            'work_dir': str(work),
            **given,
            'storage': self._storage(work),
        }

    def _storage(self, work: Path) -> str:
        """The storage, which must be there: another one would begin a search of its own."""
        given = self.given.get('storage')
        if given is not None and is_url(given):
            if '***' in given:
                hint = 'give --storage with it'
                raise SearchError('its password is not kept', where=given, hint=hint)
            return str(given)
        places = [work / STORAGE] if given is None else [Path(self.folder, given), Path(given)]
        for path in places:
            if path.is_file():
                return str(path)
        hint = 'give --storage, or begin again with config and checkpoint'
        raise SearchError('the study of the search is not there', where=places[0], hint=hint)


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
