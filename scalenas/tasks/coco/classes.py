"""Do the categories of a COCO file and the classes of a data set name the same things?

mmdet numbers the categories that it finds, in the order of the file. A class that the file lacks
shifts labels, or makes a prediction of it fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scalenas.arch.strict import suggest
from scalenas.errors import DataError

from .file import CocoFile, plain


def check_classes(file: CocoFile, classes: Sequence[str], named: bool, scored: bool) -> None:
    """Pass when labels are what the classes say, and every class that is needed is there.

    named: whether the config names the classes, so that each must be a category. Where a network
    is `scored` each must be, too.

    Raises:
        DataError: names the class or category.
    """
    names = {row['id']: row['name'] for row in file.categories}
    found = [name for name in names.values() if name in classes]
    listed = ', '.join(map(plain, list(names.values())[:5])) + (', ...' if len(names) > 5 else '')
    for kind, given in (('categories', found), ('classes of the data set', classes)):
        name, times = Counter(given).most_common(1)[0] if given else ('', 0)
        if times > 1:
            raise DataError(f'{times} {kind} are called {name!r}; names must differ', where=file.at)
    if not found:
        near = next((text for name in classes if (text := _near(name, names.values()))), '')
        raise DataError(
            f'none of its categories ({listed}) is a class of the data set '
            f'({classes[0]}{", ..." if len(classes) > 1 else ""}){near}',
            where=file.at,
            hint="set dataset.metainfo=dict(classes=('NAME', ...))",
        )
    lacking = [name for name in classes if name not in found]
    if not (named or scored):
        # Classes of the package: the file may have less, but not write them otherwise.
        written = {name.lower() for name in names.values()}
        lacking = [name for name in lacking if name.lower() in written]
    if lacking:
        near = _near(lacking[0], names.values())
        raise DataError(
            f'no category is called {lacking[0]!r}, as class '
            f'{list(classes).index(lacking[0])} of the data set is{near}',
            where=file.at,
            hint=f'add it to the categories of the file, or give the classes that it has: {listed}',
        )
    if found != list(classes[: len(found)]):
        wrong = next(i for i, name in enumerate(found) if name != classes[i])
        raise DataError(
            f'label {wrong} would be {found[wrong]!r} by its categories, but {classes[wrong]!r} '
            'by the classes of the data set',
            where=file.at,
            hint='give dataset.metainfo.classes in the order of the file',
        )
    counts = Counter(row['category_id'] for row in file.annotations)
    if counts and not any(names[number] in classes for number in counts):
        raise DataError(
            f'no annotation is of a class of the data set ({", ".join(map(plain, found))})',
            where=file.at,
        )


def _near(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` for the nearest category, whatever its capital letters are."""
    names = {other.lower(): other for other in known}
    close = suggest(name.lower(), names)
    return next((f"; did you mean '{plain(names[n])}'?" for n in names if f"'{n}'" in close), '')
