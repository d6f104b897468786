"""COCO annotations on disk: a json a split, and the images that it names.

images/NAME.jpg or .png and annotations/KIND_SPLIT.json, where KIND is `person_keypoints` or
`instances`, as in COCO itself. An image may belong to several splits of different protocols.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from projects.demo_data.layouts import DemoDataError

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels; x1 and y1 excluded."""


@dataclass
class CocoSplit:
    """The annotations of one split, numbered in the order in which they are added.

    category: what COCO calls one, with its `id`; about: the `info` of the file.
    """

    category: Mapping[str, Any]
    about: Mapping[str, Any]
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def add_image(self, file_name: str, size: tuple[int, int], **more: Any) -> int:
        """Name an image of (height, width); gives back its id."""
        number = len(self.images) + 1
        height, width = size
        self.images.append(
            {'id': number, 'file_name': file_name, 'width': width, 'height': height, **more}
        )
        return number

    def add(self, image: int, box: Box, area: float, crowd: bool = False, **more: Any) -> None:
        """Name an object in an image; a `crowd` is neither trained on nor scored."""
        x0, y0, x1, y1 = box
        self.annotations.append(
            {
                'id': len(self.annotations) + 1,
                'image_id': image,
                'category_id': self.category['id'],
                'bbox': [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
                'area': round(area, 2),
                'iscrowd': int(crowd),
                **more,
            }
        )

    @property
    def num_objects(self) -> int:
        """How many objects are trained on or scored."""
        return sum(not a['iscrowd'] for a in self.annotations)

    def write(self, path: Path) -> None:
        """One json file; the same content gives the same bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {
                'info': self.about,
                'images': self.images,
                'annotations': self.annotations,
                'categories': [self.category],
            }
        )
        path.write_text(text + '\n', encoding='utf-8')


def write_splits(root: Path, kind: str, splits: Mapping[str, CocoSplit]) -> dict[str, Any]:
    """Write every split's file; gives back what the manifest says: counts, objects, files.

    Raises DemoDataError when a split would have no image or no object.
    """
    files = set()
    for name, split in splits.items():
        if not split.num_objects:
            problem = 'would hold no object; nothing was written'
            raise DemoDataError(problem, where=f'split {name}')
        relative = f'annotations/{kind}_{name}.json'
        split.write(root / relative)
        files |= {relative, *(f'images/{image["file_name"]}' for image in split.images)}
    return {
        'counts': {name: len(split.images) for name, split in splits.items()},
        'objects': {name: split.num_objects for name, split in splits.items()},
        'files': sorted(files),
    }


def about(description: str, sources: Sequence[str], licence: str, url: str) -> dict[str, str]:
    """The `info` of a COCO file."""
    return {
        'description': f'{description} {"; ".join(sources)}',
        'license': licence,
        'url': url,
    }
