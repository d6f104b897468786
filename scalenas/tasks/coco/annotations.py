"""What is wrong with a COCO annotation file, in one line, before anything is built from it.

The packages drop what they cannot use without a word: a file of boxes given for keypoints, or of
other classes, ends as a network that learned nothing, hours later.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from PIL import Image

from scalenas.errors import DataError, short

from .file import CocoFile, plain
from .kept import ALLOWED, Kept, check_classes, is_in_parts, kept_boxes, kept_poses, outline_fault

TOLERATED = 0.01
"""Share of boxes without size or outside of their image that is reported, but no error: COCO's
own train2017 has some, and mmdet and mmpose leave them out."""

SAMPLE = 24
"""Images, or some more, whose size is compared."""

ORIENTATION = 0x0112
"""EXIF's tag; from 5 to 8 the sides change places."""

CROWDED = 0.1
"""Share of crowds that is reported; COCO's own sets have 1 %."""


@dataclass(frozen=True)
class Wanted:
    """What a data set makes of an annotation file.

    where, hint: variable of the config, and how to get the data, for the message; folder: where the
    images lie, None where nobody looks at them; reader: the data set itself, nothing of it
    loaded; shows: what it shows of its rows, in words; classes: names of those that
    become labels, in order (mmdet); keypoints: number of them (mmpose); fields: what every
    annotation needs besides its box; labelled: False for images whose labels only a server has, as
    COCO's test-dev; learns, scored: whether a network is trained or tested on it; named: whether
    the config names the classes; crowd_index: whether a metric asks how crowded
    each image is, as CrowdPose's; masks: what loads outlines of objects, '' where nothing does;
    loads_masks: mmdet's transform that does; scores_masks: whether a metric does.
    """

    where: str
    folder: Path | None
    reader: Any = field(compare=False)
    shows: str = ''
    classes: tuple[str, ...] = ()
    keypoints: int = 0
    hint: str = 'see the head of the config'
    fields: tuple[str, ...] = ()
    labelled: bool = True
    learns: bool = False
    scored: bool = False
    named: bool = False
    crowd_index: bool = False
    masks: str = ''
    scores_masks: bool = False
    loads_masks: Any = field(default=None, compare=False)


def check_annotations(path: Path, wanted: Wanted) -> None:
    """Pass when the COCO file at `path` is good to train on or to test with.

    Raises:
        DataError: names the first thing that is wrong, an example, and what to do.
    """
    at = f'{wanted.where}: {path}'
    file = CocoFile.from_file(path, at, wanted.labelled)
    for name, needed in (('images', True), ('annotations', wanted.labelled)):
        if needed and not getattr(file, name):
            raise DataError(f'its list {name!r} is empty', where=at, hint=wanted.hint)
    rows = _read_rows(file, wanted)
    file.check_values(wanted.fields, rows, ('crowdIndex',) if wanted.crowd_index else ())
    file.check_references()
    if wanted.classes:
        check_classes(file, wanted.classes, wanted.named, wanted.scored)
    if wanted.masks:
        _check_masks(file, rows, wanted)
    if wanted.labelled:
        kept = _kept(file, rows, wanted)
        _check_dropped(file, rows, kept)
        _check_used(file, kept, wanted)
    if wanted.folder is not None:
        names = [image['file_name'] for image in file.images]
        _check_images(at, names, wanted.folder, wanted.hint)
        _check_sizes(file, wanted.folder)


def _read_rows(file: CocoFile, wanted: Wanted) -> Sequence[dict[str, Any]]:
    """The annotations that the data set reads."""
    if not wanted.keypoints or not file.annotations:
        return file.annotations
    rows = [row for row in file.annotations if 'keypoints' in row]
    if not rows:
        raise DataError(
            "no annotation has 'keypoints': it holds boxes only",
            where=file.at,
            hint='for COCO give person_keypoints_*.json instead of instances_*.json',
        )
    file.check_keypoints(rows)
    for row in rows:
        if len(row['keypoints']) != 3 * wanted.keypoints:
            raise DataError(
                f'keypoints of annotation {short(row.get("id"))}',
                where=file.at,
                got=len(row['keypoints']),
                allowed=f'{3 * wanted.keypoints} numbers: x, y, visibility of {wanted.keypoints}',
                hint="the number is that of the data set's metainfo",
            )
    if not any(any(v > 0 for v in row['keypoints'][2::3]) for row in rows):
        raise DataError(
            'no keypoint of any annotation is labelled: all visibilities are 0, so there is '
            'nothing to learn',
            where=file.at,
        )
    seen = [
        xy
        for points in (row['keypoints'] for row in rows)
        for *xy, v in zip(points[::3], points[1::3], points[2::3], strict=True)
        if v > 0
    ]
    if all(max(xy) <= 1 for xy in seen):
        raise DataError(
            'all keypoints are normalized to 0..1, not in pixels',
            where=file.at,
            got=seen[0],
            allowed='x and y in pixels',
            hint='multiply them by width and height of the image',
        )
    return rows


def _check_masks(file: CocoFile, rows: Sequence[Mapping[str, Any]], wanted: Wanted) -> None:
    images = {image['id']: image for image in file.images}
    names = {row['id']: row['name'] for row in file.categories}
    for row in rows:
        if wanted.classes and (names[row['category_id']] not in wanted.classes):
            continue
        if row.get('ignore'):
            continue
        image, value = images[row['image_id']], row.get('segmentation')
        fault = outline_fault(value, image, complete=wanted.scores_masks)
        if not fault and not value and wanted.loads_masks is not None:
            fault = 'has no segmentation'
        if not fault and is_in_parts(value) and max(row['bbox']) > 2:
            fault = 'has an outline normalized to 0..1, not in pixels'
        if fault:
            raise DataError(
                f'annotation {row["id"]} {fault}, and {wanted.masks} reads it',
                where=file.at,
                got=value,
                allowed=ALLOWED,
            )


def _kept(file: CocoFile, rows: Sequence[Mapping[str, Any]], wanted: Wanted) -> Kept:
    try:
        if wanted.keypoints:
            kept = kept_poses(wanted.reader, file, rows)
            if 'area' in wanted.fields:
                # Distances are measured in parts of it: without one, none but 0 is near.
                kept.dropped += [row for row in rows if row['area'] <= 0]
            return kept
        return kept_boxes(wanted.reader, file, wanted.loads_masks)
    except (TypeError, AttributeError, LookupError, ArithmeticError, AssertionError) as error:
        line = ' '.join(f'{type(error).__name__}: {error}'.split())
        raise DataError(
            f'{type(wanted.reader).__name__} cannot read it: {line}', where=file.at
        ) from None


def _check_dropped(file: CocoFile, rows: Sequence[Mapping[str, Any]], kept: Kept) -> None:
    images = {image['id']: image for image in file.images}
    dropped = {row['id'] for row in kept.dropped}
    bad = [
        (row, why)
        for row in rows
        if (why := _box_fault(row, images[row['image_id']], row['id'] in dropped))
    ]
    if not bad:
        return
    row, why = bad[0]
    text = (
        f'{len(bad)} of {len(rows)} boxes are of no use, the first in annotation '
        f'{row["id"]}: {row["bbox"]} {why}'
    )
    if len(bad) > TOLERATED * len(rows):
        hint = 'boxes are [x, y, width, height] in pixels: mend or remove them'
        raise DataError(text, where=file.at, hint=hint)
    print_log(f'{file.at}: {text}; they are left out', 'current', 30)


def _box_fault(row: Mapping[str, Any], image: Mapping[str, Any], dropped: bool) -> str:
    """Empty for a good box; whether the package drops it is known, and the reason is sought."""
    x, y, width, height = row['bbox']
    if width <= 0 or height <= 0:
        return 'has no size'
    if x >= image['width'] or y >= image['height'] or x + width <= 0 or y + height <= 0:
        return f'lies outside of the image of {image["width"]} x {image["height"]}'
    if not dropped:
        return ''
    if max(x + width, y + height) <= 1:
        return 'is normalized to 0..1, not in pixels'
    if row.get('area', 1) <= 0:
        return f'has an area of {row["area"]}'
    if row.get('num_keypoints', 1) == 0:
        return 'has keypoints, while num_keypoints is 0'
    return 'has a side below one pixel'


def _check_used(file: CocoFile, kept: Kept, wanted: Wanted) -> None:
    """Pass when there is something to learn or to score; say when much of it is crowds."""
    where = f'{wanted.where}: {type(wanted.reader).__name__}'
    if not kept.images:
        raise DataError(
            f'{where} takes none of its {len(file.images)} images',
            where=file.at,
            hint='look at filter_cfg and indices',
        )
    if not kept.used and (wanted.learns or wanted.scored):
        what = 'score' if wanted.scored else 'learn from'
        hint = (
            'a mask with a hole, or in parts, is written as a crowd by some annotation tools: '
            'export polygons, or set iscrowd to 0'
            if kept.crowds
            else 'look at their areas and flags'
        )
        raise DataError(
            f'none of its {kept.objects} objects is left to {what}: {kept.summary() or "none"}',
            where=file.at,
            hint=hint if kept.objects else 'look at filter_cfg and indices',
        )
    if kept.crowds > CROWDED * kept.objects:
        print_log(
            f'{file.at}: {kept.crowds} of {kept.objects} objects are crowds (iscrowd): neither '
            'trained on nor scored',
            'current',
            30,
        )


def _check_images(at: str, names: Collection[str], folder: Path, hint: str) -> None:
    # Each folder is listed once: a question per image takes minutes on a network's disk.
    there: dict[Path, set[str]] = {}
    missing = []
    for name in names:
        path = folder / name
        if path.parent not in there:
            there[path.parent] = set(os.listdir(path.parent)) if path.parent.is_dir() else set()
        if path.name not in there[path.parent]:
            missing.append(path)
    if missing:
        raise DataError(
            f'{len(missing)} of {len(names)} images are missing, such as {plain(missing[0])}',
            where=at,
            hint=f'look at data_prefix and data_root, or {hint}',
        )


def _check_sizes(file: CocoFile, folder: Path) -> None:
    """Pass when images are of the size that the file gives them: their boxes are in its pixels.

    Of a sample the heads are read. What cannot be read is named when it is loaded.
    """
    step = max(len(file.images) // SAMPLE, 1)
    for image in file.images[::step]:
        given = (int(image['width']), int(image['height']))
        try:
            with Image.open(folder / image['file_name']) as opened:
                size = opened.size
                # Turned as its EXIF says, or not: either may be what was labelled.
                turned = opened.getexif().get(ORIENTATION, 1) in range(5, 9)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
        if given not in (size, size[::-1] if turned else size):
            raise DataError(
                f'{plain(folder / image["file_name"])} is of another size than its annotations say',
                where=file.at,
                got=f'{size[0]} x {size[1]} pixels',
                allowed=f'{given[0]} x {given[1]}',
                hint='boxes are in pixels of the image: give the images that were labelled, '
                'or change the file as they were',
            )
