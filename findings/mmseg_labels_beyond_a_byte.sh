#!/usr/bin/env bash
# onedl-mmsegmentation 1.4.2, LoadAnnotations, on label maps of 16 bits (as data sets with more than 256 classes have them).
# One might expect: a label map is read with the bits that its file has, or refused; the loss then sees the labels that were drawn.
# Seen: every label is cast to a byte after it was decoded right, so that only its remainder by 256 is left, without a word:
# class 256 trains as class 0, 300 as 44, and 65535, a common "unlabelled" of 16-bit files, becomes 255, which is ignored, so that
# the mask looks as if it had been understood.
# output:
#   in the file [0, 44, 255, 256, 300, 511, 65535], uint16
#   loaded      [0, 44, 255, 0, 44, 255, 255], uint8
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" install -q "$@"; }
pip torch===2.13.0 torchvision===0.28.0 numpy==2.2.6 'setuptools<81' wheel
pip onedl-mmengine==0.10.12 opencv-python-headless==4.12.0.88 pillow packaging prettytable scipy matplotlib ftfy regex
# From its source and apart from torch, the package comes without compiled operators, which are not needed here.
pip --no-deps --no-cache-dir --no-binary onedl-mmcv onedl-mmcv==2.3.6
pip --no-deps onedl-mmsegmentation==1.4.2
cat > "$folder/run.py" <<'PY'
import sys

import cv2
import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

labels = [0, 44, 255, 256, 300, 511, 65535]
path = f'{sys.argv[1]}/labels.png'
assert cv2.imwrite(path, np.array([labels], np.uint16))
stored = cv2.imread(path, cv2.IMREAD_UNCHANGED)
print(f'in the file {stored[0].tolist()}, {stored.dtype}')
assert stored[0].tolist() == labels and stored.dtype == np.uint16
given = dict(seg_map_path=path, reduce_zero_label=False, seg_fields=[], label_map=None)
loaded = LoadAnnotations()(given)['gt_seg_map']
print(f'loaded      {loaded.ravel().tolist()}, {loaded.dtype}')
assert loaded.dtype == np.uint8
assert loaded.ravel().tolist() == [label % 256 for label in labels] == [0, 44, 255, 0, 44, 255, 255]
PY
"$folder/venv/bin/python" -W ignore "$folder/run.py" "$folder" 2> "$folder/log" || { cat "$folder/log"; exit 1; }
