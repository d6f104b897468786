"""One HTML file about studies, which needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import gzip
import html
import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from scalenas.errors import unreadable, unwritable
from scalenas.search import SearchError, SearchStudy, StorageAwayError
from scalenas.staging import write_whole

from .page_data import PageData, axis_names
from .page_sources import references_of

logger = logging.getLogger(__name__)

MARK = '<meta name="generator" content="scalenas report">'
"""By this a page of ours is known, which may be written again."""

HERE = Path(__file__).parent
SLOTS = re.compile('@(TITLE|DATA|PLOTLY|SCRIPT)@')
QUIET_SECONDS = 60.0


def page_text(data: Mapping[str, Any]) -> str:
    """The page that shows the data of `PageData`.

    Data and script library are packed: no letter of a study can become markup, and the file is
    small.

    Raises:
        SearchError: where plotly is not installed.
    """
    parts = {
        'TITLE': html.escape(f'{data["title"]}'),
        'DATA': _packed(json.dumps(data, allow_nan=False)),
        'PLOTLY': _plotly(),
        'SCRIPT': (HERE / 'page.js').read_text(encoding='utf-8'),
    }
    template = (HERE / 'page.html').read_text(encoding='utf-8')
    return SLOTS.sub(lambda match: parts[match[1]], template)


@cache
def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        hint = "pip install 'scalenas[report]'"
        raise SearchError('needs plotly', where='report', hint=hint) from None
    return _packed(get_plotlyjs())


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def write_page(
    studies: Sequence[SearchStudy],
    path: str | Path,
    references: Sequence[str] = (),
    draw_all: bool = False,
) -> None:
    """Write a page about studies of equal objectives, as a whole.

    `references` are points to compare with, in the forms of `references_of`. Networks of the front
    are drawn, at most `MOST_DRAWN` of a study, or all that were evaluated.

    Raises:
        SearchError: for a file that is no such page, or cannot be written.
    """
    check_target(path)
    _write(path, _maker(studies, references, draw_all)())


def watch(
    studies: Sequence[SearchStudy],
    path: str | Path,
    references: Sequence[str] = (),
    seconds: float = 10.0,
    quiet: float = QUIET_SECONDS,
    draw_all: bool = False,
) -> bool:
    """Write the page again whenever there are new records, until the searches have ended.

    They have ended when for `quiet` seconds nothing was evaluated. A storage that is away is waited
    for; at most a sixth of the time is spent on pages. The last page does not load itself again.
    False after Ctrl-C.

    Raises:
        SearchError: as `write_page`.
    """
    check_target(path)
    maker, ended = _maker(studies, references, draw_all), True
    known: list[int] = []
    since = time.monotonic()
    try:
        while True:
            pause = seconds
            try:
                now = [len(study.records()) for study in studies]
                if now != known:
                    begin = time.monotonic()
                    _write(path, maker(live=seconds))
                    pause = max(seconds, 5 * (time.monotonic() - begin))
                    logger.info('%s: %s networks', path, ' + '.join(map(str, now)))
                if now != known or any(study.at_work() for study in studies):
                    known, since = now, time.monotonic()
                elif time.monotonic() - since >= quiet:
                    break
            except StorageAwayError as error:
                since = time.monotonic()
                logger.warning('%s', error)
            time.sleep(pause)
    except KeyboardInterrupt:
        ended = False
    _write(path, maker())
    return ended


def check_target(path: str | Path) -> None:
    """Pass when a page may be written there: where nothing is, or an earlier page.

    Raises:
        SearchError: for a file of another kind, or a folder that is not there.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        allowed = 'a file in a folder that is there'
        raise SearchError(where='--out', got=str(path), allowed=allowed)
    if not path.exists():
        return
    try:
        with path.open(encoding='utf-8', errors='replace') as file:
            begin = file.read(2000)
    except OSError as error:
        raise unreadable(path, error, SearchError) from None
    if MARK not in begin:
        raise SearchError('is there and no report', where=path, hint='choose another --out')


def _maker(studies: Sequence[SearchStudy], references: Sequence[str], draw_all: bool) -> PageData:
    known = [*studies[0].objectives.names, *axis_names([study.records() for study in studies])]
    return PageData(studies, references_of(references, [*dict.fromkeys(known)]), draw_all)


def _write(path: str | Path, data: Mapping[str, Any]) -> None:
    text = page_text(data)
    try:
        write_whole(path, text)
    except OSError as error:
        raise unwritable(path, error, SearchError) from None
