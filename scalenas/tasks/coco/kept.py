"""What of a COCO file a data set keeps: its own class is asked, row by row.

mmdet and mmpose drop objects without a word: crowds, those without area, those smaller than a
pixel. A file may be left with nothing to learn.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalenas.errors import DataError

from .file import CocoFile

Row = Mapping[str, Any]


@dataclass
class Kept:
    """Of the objects of a file (those of a class of the data set, or people with joints).

    objects: all; used: those in shown pictures that are learned from and scored; crowds and
    ignored: set aside by their flags; dropped: those left out though nothing says so.
    images: how many pictures, or people, are shown.
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
        # mmdet gets those of a picture by its id.
        rows = [row for row in api.imgToAnns[image['id']] if row['category_id'] in known]
        info = reader.parse_data_info({'raw_img_info': raw, 'raw_ann_info': rows})
        found = info['instances']
        kept.objects += len(rows)
        kept.ignored += sum(bool(row.get('ignore')) for row in rows)
        kept.crowds += sum(bool(instance['ignore_flag']) for instance in found)
        if len(found) < sum(not row.get('ignore') for row in rows):
            kept.dropped += [row for row in rows if _is_dropped(reader, raw, row)]
        if masks is not None:
            masks._process_masks({'instances': [i for i in found if 'mask' in i]})
        info['instances'] = sum(not instance['ignore_flag'] for instance in found)
        reader.data_list.append(info)
    shown = _shown(reader, reader.filter_data(), file.at)
    kept.images, kept.used = len(shown), sum(info['instances'] for info in shown)
    return kept


def kept_poses(reader: Any, file: CocoFile, rows: Sequence[Row]) -> Kept:
    """By mmpose's BaseCocoStyleDataset; of people, or in bottom-up mode of pictures with some.

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
    found = _shown(reader, reader.data_list, file.at)
    kept.images, kept.used = len(found), sum(found)
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
