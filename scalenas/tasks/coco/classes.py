"""Do the categories of a COCO file and the classes of a data set name the same things?

mmdet numbers the categories that it finds, in the order of the file. A class that the file lacks
shifts labels, or makes a prediction of it fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scalenas.errors import DataError, did_you_mean

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
    listed = [plain(name) for name in names.values()]
    for kind, given in (('categories', found), ('classes of the data set', classes)):
        name, times = Counter(given).most_common(1)[0] if given else ('', 0)
        if times > 1:
            raise DataError(f'{times} {kind} have the same name', where=file.at, got=name)
    if not found:
        near = next((text for name in classes if (text := _near(name, names.values()))), '')
        raise DataError(
            'none of its categories is a class of the data set',
            where=file.at,
            got=listed,
            allowed=f'{classes[0]}{", ..." if len(classes) > 1 else ""}',
            hint=f"{near}set dataset.metainfo=dict(classes=('NAME', ...))",
        )
    lacking = [name for name in classes if name not in found]
    if not (named or scored):
        # Classes of the package: the file may have less, but not write them otherwise.
        written = {name.lower() for name in names.values()}
        lacking = [name for name in lacking if name.lower() in written]
    if lacking:
        near = _near(lacking[0], names.values())
        raise DataError(
            f'class {list(classes).index(lacking[0])} of the data set is none of its categories',
            where=file.at,
            got=lacking[0],
            allowed=listed,
            hint=f'{near}add it to the categories of the file, or give the classes that it has',
        )
    if found != list(classes[: len(found)]):
        wrong = next(i for i, name in enumerate(found) if name != classes[i])
        raise DataError(
            f'label {wrong} by its categories',
            where=file.at,
            got=found[wrong],
            allowed=f'{classes[wrong]!r}, as by the classes of the data set',
            hint='give dataset.metainfo.classes in the order of the file',
        )
    counts = Counter(row['category_id'] for row in file.annotations)
    if counts and not any(names[number] in classes for number in counts):
        raise DataError(
            'no annotation is of a class of the data set',
            where=file.at,
            got=[plain(names[number]) for number in counts],
            allowed=[plain(name) for name in found],
        )


def _near(name: str, known: Iterable[str]) -> str:
    """`"did you mean 'x'? Or "` for the nearest category, whatever its capital letters are."""
    names = {other.lower(): other for other in known}
    close = did_you_mean(name.lower(), names)
    return next((f"did you mean '{plain(names[n])}'? Or " for n in names if f"'{n}'" in close), '')
