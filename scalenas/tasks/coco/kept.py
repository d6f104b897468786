"""What a data set makes of a COCO file: classes, masks, and the rows that its class keeps.

mmdet and mmpose drop objects without a word: crowds, those without area, those smaller than a
pixel. A file may be left with nothing to learn. mmdet numbers the categories that it finds, in the
order of the file: a class that the file lacks shifts labels, or makes a prediction of it fail.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalenas.errors import DataError, did_you_mean

from .file import CocoFile, is_number, is_whole, plain


def check_classes(file: CocoFile, classes: Sequence[str], named: bool, scored: bool) -> None:
    """Pass when labels are what the classes say, and every class that is needed is there.

    named: whether the config names the classes, so that each must be a category. Where a network
    is `scored` each must be, too.

    Raises:
        DataError: names the class or category.
    """
    names = {row['id']: row['name'] for row in file.categories}
    present = [name for name in names.values() if name in classes]
    listed = [plain(name) for name in names.values()]
    for kind, given in (('categories', present), ('classes of the data set', classes)):
        name, times = Counter(given).most_common(1)[0] if given else ('', 0)
        if times > 1:
            raise DataError(f'{times} {kind} have the same name', where=file.at, got=name)
    if not present:
        near = next((text for name in classes if (text := _near(name, names.values()))), '')
        raise DataError(
            'none of its categories is a class of the data set',
            where=file.at,
            got=listed,
            allowed=f'{classes[0]}{", ..." if len(classes) > 1 else ""}',
            hint=f"{near}set dataset.metainfo=dict(classes=('NAME', ...))",
        )
    lacking = [name for name in classes if name not in present]
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
    if present != list(classes[: len(present)]):
        wrong = next(i for i, name in enumerate(present) if name != classes[i])
        raise DataError(
            f'label {wrong} by its categories',
            where=file.at,
            got=present[wrong],
            allowed=f'{classes[wrong]!r}, as by the classes of the data set',
            hint='give dataset.metainfo.classes in the order of the file',
        )
    counts = Counter(row['category_id'] for row in file.annotations)
    if counts and not any(names[number] in classes for number in counts):
        raise DataError(
            'no annotation is of a class of the data set',
            where=file.at,
            got=[plain(names[number]) for number in counts],
            allowed=[plain(name) for name in present],
        )


def _near(name: str, known: Iterable[str]) -> str:
    """`"did you mean 'x'? Or "` for the nearest category, whatever its capital letters are."""
    names = {other.lower(): other for other in known}
    close = did_you_mean(name.lower(), names)
    return next((f"did you mean '{plain(names[n])}'? Or " for n in names if f"'{n}'" in close), '')


ALLOWED = (
    'polygons [[x, y, x, y, x, y, ...], ...], or run lengths {size: [height, width], counts: ...} '
    'of the whole image'
)


def outline_fault(value: object, image: Mapping[str, Any], complete: bool = True) -> str:
    """What is wrong with a `segmentation`; empty for a good one.

    Without `complete`, an outline may be missing, and a polygon may have less than three corners,
    which mmdet leaves out when it loads masks.
    """
    if not value and not isinstance(value, Mapping):
        return 'has no segmentation' if complete or value not in (None, []) else ''
    if isinstance(value, list):
        for polygon in value:
            if not isinstance(polygon, list) or not all(map(is_number, polygon)):
                return 'has a polygon that is no list of numbers'
            if complete and (len(polygon) < 6 or len(polygon) % 2):
                return 'has a polygon that is not x, y of at least three corners'
        return ''
    if not isinstance(value, Mapping):
        return 'has a segmentation that is none'
    return _run_fault(value, image)


def is_in_parts(value: object) -> bool:
    """True for polygons without `outline_fault` that do not leave the first pixel."""
    corners = [number for polygon in value for number in polygon] if type(value) is list else []
    return max(corners, default=2) <= 1


def _run_fault(value: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    size, counts = value.get('size'), value.get('counts')
    height, width = int(image['height']), int(image['width'])
    if size != [height, width]:
        return f'has run lengths of another size than its image of {height} x {width}'
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    # pycocotools fills what they do not cover with whatever the memory holds.
    whole = isinstance(runs, list) and all(is_whole(run) and run >= 0 for run in runs)
    good = whole and sum(runs) == height * width  # type: ignore[arg-type]
    return '' if good else 'has run lengths that do not cover its image'


def _unpacked(text: str) -> list[int]:
    """The run lengths in COCO's compressed text: base 32, from the third on as differences."""
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        digit = ord(letter) - 48
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:
            value |= -1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs


Row = Mapping[str, Any]


@dataclass
class Kept:
    """Of the objects of a file (those of a class of the data set, or people with joints).

    objects: all; used: those in shown images that are learned from and scored; crowds and
    ignored: set aside by their flags; dropped: those left out though nothing says so.
    images: how many images, or people, are shown.
    """

    objects: int = 0
    used: int = 0
    crowds: int = 0
    ignored: int = 0
    dropped: list[Row] = field(default_factory=list)
    images: int = 0

    def summary(self) -> str:
        """What became of the objects."""
        parts = {
            'are crowds (iscrowd)': self.crowds,
            'ignored (ignore)': self.ignored,
            'dropped, as those without area or below a pixel are': len(self.dropped),
        }
        return ', '.join(f'{count} {what}' for what, count in parts.items() if count)


def kept_boxes(reader: Any, file: CocoFile, masks: Any = None) -> Kept:
    """By mmdet's CocoDataset; `masks` is its transform that loads outlines, if one does."""
    api = reader.COCOAPI()
    lists = ('images', 'annotations', 'categories')
    api.dataset = {name: getattr(file, name) for name in lists}
    with contextlib.redirect_stdout(io.StringIO()):
        api.createIndex()
    reader.cat_ids = api.get_cat_ids(cat_names=reader.metainfo['classes'])
    reader.cat2label = {number: label for label, number in enumerate(reader.cat_ids)}
    reader.cat_img_map = api.catToImgs
    reader.data_list = []
    kept, known = Kept(), set(reader.cat_ids)
    for image in file.images:
        raw = {**image, 'img_id': image['id']}
        # mmdet gets those of an image by its id.
        rows = [row for row in api.imgToAnns[image['id']] if row['category_id'] in known]
        info = reader.parse_data_info({'raw_img_info': raw, 'raw_ann_info': rows})
        instances = info['instances']
        kept.objects += len(rows)
        kept.ignored += sum(bool(row.get('ignore')) for row in rows)
        kept.crowds += sum(bool(instance['ignore_flag']) for instance in instances)
        if len(instances) < sum(not row.get('ignore') for row in rows):
            kept.dropped += [row for row in rows if _is_dropped(reader, raw, row)]
        if masks is not None:
            masks._process_masks({'instances': [i for i in instances if 'mask' in i]})
        info['instances'] = sum(not instance['ignore_flag'] for instance in instances)
        reader.data_list.append(info)
    shown = _shown(reader, reader.filter_data(), file.at)
    kept.images, kept.used = len(shown), sum(info['instances'] for info in shown)
    return kept


def kept_poses(reader: Any, file: CocoFile, rows: Sequence[Row]) -> Kept:
    """By mmpose's BaseCocoStyleDataset; of people, or in bottom-up mode of images with some.

    `rows` are the annotations with keypoints.
    """
    images = {
        image['id']: {**image, 'img_id': image['id'], 'img_path': ''} for image in file.images
    }
    kept, shown = Kept(objects=len(rows)), []
    for row in rows:
        image = images[row['image_id']]
        # Outlines are long, and copied with every row.
        row = {name: value for name, value in row.items() if name != 'segmentation'}
        info = reader.parse_data_info({'raw_ann_info': row, 'raw_img_info': image})
        valid = bool(info) and reader._is_valid_instance(info)
        if not valid and row.get('iscrowd'):
            kept.crowds += 1
        elif not valid and any(v > 0 for v in row['keypoints'][2::3]):
            kept.dropped.append(row)
        if valid and row['image_id'] % reader.sample_interval == 0:
            shown.append(row['image_id'])
    if reader.data_mode == 'bottomup':
        order = [image['id'] for image in file.images]
        people = Counter(shown)
        reader.data_list = [people[n] for n in order if n % reader.sample_interval == 0]
    else:
        reader.data_list = [1] * len(shown)
    counts = _shown(reader, reader.data_list, file.at)
    kept.images, kept.used = len(counts), sum(counts)
    return kept


def _is_dropped(reader: Any, image: Row, row: Row) -> bool:
    if row.get('ignore'):
        return False
    info = reader.parse_data_info({'raw_img_info': image, 'raw_ann_info': [row]})
    return not info['instances']


def _shown(reader: Any, rows: Sequence[Any], at: str) -> Sequence[Any]:
    """What `indices` of a data set leave of its rows."""
    indices = reader._indices
    if indices is None:
        return rows
    reader.data_list = rows
    try:
        return list(reader._get_unserialized_subset(indices))
    except (IndexError, TypeError):
        raise DataError(
            'dataset.indices are not those of its rows',
            where=at,
            got=indices,
            allowed=f'how many of its {len(rows)} rows, or a list of their numbers',
        ) from None
