#!/usr/bin/env bash
# supervision 0.31.2 with pycocotools 2.0.11.
# One might expect: DetectionDataset.as_coco writes an object whose mask has a hole, or lies in two parts, as an
# ordinary object (COCO holds several polygons per object, and RLE for anything else).
# Seen: such an object is written with iscrowd = 1. It is then ignored in training, and pycocotools, which drops crowds
# from the truth, gives an exact prediction AP -1, "no truth"; the object without a hole scores 1.
# output:
#   solid: iscrowd 0, AP 1.0
#   hole: iscrowd 1, AP -1.0
#   two parts: iscrowd 1, AP -1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q supervision==0.31.2 opencv-python-headless==4.14.0.94 pycocotools==2.0.11 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
import contextlib
import io
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import supervision as sv
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

folder = Path(sys.argv[1])
y, x = np.mgrid[:64, :64]
solid = (abs(y - 32) < 16) & (abs(x - 32) < 16)
masks = {
    'solid': solid,
    'hole': solid & ~((abs(y - 32) < 6) & (abs(x - 32) < 6)),
    'two parts': solid & ~(abs(x - 32) < 3),
}
expected = {'solid': (0, 1.0), 'hole': (1, -1.0), 'two parts': (1, -1.0)}
for name, mask in masks.items():
    image = str(folder / f'{name}.png')
    cv2.imwrite(image, np.zeros((64, 64, 3), np.uint8))
    box = np.array([[x[mask].min(), y[mask].min(), x[mask].max(), y[mask].max()]], float)
    objects = sv.Detections(xyxy=box, mask=mask[None], class_id=np.array([0]))
    data = sv.DetectionDataset(classes=['a'], images=[image], annotations={image: objects})
    path = str(folder / f'{name}.json')
    data.as_coco(annotations_path=path)
    (row,) = json.loads(Path(path).read_text())['annotations']
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(path)
        prediction = {k: row[k] for k in ('image_id', 'category_id', 'bbox')}
        result = COCOeval(truth, truth.loadRes([{**prediction, 'score': 0.9}]), 'bbox')
        result.evaluate()
        result.accumulate()
        result.summarize()
    seen = (row['iscrowd'], round(float(result.stats[0]), 3))
    print(f'{name}: iscrowd {seen[0]}, AP {seen[1]:.1f}')
    assert seen == expected[name]
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
