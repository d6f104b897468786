#!/usr/bin/env bash
# labelme2coco 0.2.6.
# One might expect: two folders of one project (training and validation) with the same labels become COCO files with
# the same category ids.
# Seen: ids are given in the order in which a folder's files first show a label, starting at 0. Where the first image of
# one folder shows a cat and that of the other a dog, cat is 0 here and 1 there; a detector trained on the first file and
# scored by category id on the second has its classes swapped, and no message says so.
# output:
#   train: cat 0, dog 1
#   val: dog 0, cat 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q labelme2coco==0.2.6
cat > "$folder/run.py" <<'PY'
import contextlib
import io
import json
import sys
from pathlib import Path

from labelme2coco import get_coco_from_labelme_folder
from PIL import Image

expected = {'train': {'cat': 0, 'dog': 1}, 'val': {'dog': 0, 'cat': 1}}
for split, labels in (('train', ('cat', 'dog')), ('val', ('dog', 'cat'))):
    place = Path(sys.argv[1]) / split
    place.mkdir()
    for i, label in enumerate(labels):
        Image.new('RGB', (32, 32)).save(place / f'{i}.png')
        shape = dict(label=label, points=[[2, 2], [20, 2], [20, 20]], shape_type='polygon', flags={}, group_id=None)
        document = dict(version='5.0', flags={}, shapes=[shape], imagePath=f'{i}.png', imageData=None,
                        imageHeight=32, imageWidth=32)
        (place / f'{i}.json').write_text(json.dumps(document))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        categories = get_coco_from_labelme_folder(str(place)).json_categories
    ids = {row['name']: row['id'] for row in categories}
    print(f'{split}: ' + ', '.join(f'{name} {number}' for name, number in ids.items()))
    assert ids == expected[split]
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
