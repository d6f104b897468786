#!/usr/bin/env bash
# pycocotools 2.0.11 and faster-coco-eval 1.8.0.
# One might expect: ids of annotations are labels, and any distinct whole numbers do; exporters that number from 0 exist
# (Label Studio, globox). Predictions equal to the truth score AP 1.
# Seen: id 0 doubles as "not matched". Five images with a box each, predictions equal to the truth, scores falling: AP
# 1.0 for ids 1 ... 5 and 0.642 for ids 0 ... 4, boxes and keypoints alike. faster-coco-eval warns on reading, pycocotools
# says nothing.
# output:
#   ids from 1: pycocotools bbox 1.000 keypoints 1.000, faster-coco-eval bbox 1.000 keypoints 1.000
#   ids from 0: pycocotools bbox 0.642 keypoints 0.642, faster-coco-eval bbox 0.642 keypoints 0.642
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pycocotools==2.0.11 faster-coco-eval==1.8.0 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
import contextlib
import io
import json
import sys
import warnings

import faster_coco_eval
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

warnings.simplefilter('ignore')
LIBRARIES = {
    'pycocotools': (COCO, COCOeval),
    'faster-coco-eval': (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
}


def score(library, first, kind):
    boxes = [
        dict(id=first + i, image_id=i + 1, category_id=1, bbox=[10, 10, 20, 20], area=400, iscrowd=0,
             keypoints=[15, 15, 2] * 17, num_keypoints=17)
        for i in range(5)
    ]
    images = [dict(id=i + 1, width=64, height=64, file_name=f'{i}.png') for i in range(5)]
    with open(sys.argv[1], 'w') as file:
        json.dump(dict(images=images, annotations=boxes, categories=[dict(id=1, name='a')]), file)
    predictions = [
        dict(image_id=b['image_id'], category_id=1, bbox=b['bbox'], keypoints=b['keypoints'], score=0.9 - i / 10)
        for i, b in enumerate(boxes)
    ]
    coco, evaluation = LIBRARIES[library]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco(sys.argv[1])
        result = evaluation(truth, truth.loadRes(predictions), kind)
        result.evaluate()
        result.accumulate()
        result.summarize()
    return f'{result.stats[0]:.3f}'


for first, expected in ((1, '1.000'), (0, '0.642')):
    scores = {n: {k: score(n, first, k) for k in ('bbox', 'keypoints')} for n in LIBRARIES}
    text = ', '.join(f'{n} bbox {s["bbox"]} keypoints {s["keypoints"]}' for n, s in scores.items())
    print(f'ids from {first}: {text}')
    assert all(v == expected for s in scores.values() for v in s.values())
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder/truth.json"
