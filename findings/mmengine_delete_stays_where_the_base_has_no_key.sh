#!/usr/bin/env bash
# mmengine 0.10.7 (torch 2.13.0).
# One might expect: `_delete_=True` is an instruction to the merge of a config with its `_base_`; whatever the base has, the
# merged config holds the new dict without it, so a config that replaces an optional part works on every base.
# Seen: it is taken out where the base has a dict or None under that key. Where the base has no such key, it stays in the
# merged config as if it were an argument, and the class that is built of the dict gets it: a TypeError that names
# `_delete_`, far from the config. The same child on a base with `neck=None` builds.
# output:
#   base has a dict: {'type': 'Neck', 'width': 2} -> built
#   base has None: {'type': 'Neck', 'width': 2} -> built
#   base has no key: {'_delete_': True, 'type': 'Neck', 'width': 2} -> TypeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 mmengine==0.10.7 numpy==2.2.6 setuptools==80.9.0
cat > "$folder/run.py" <<'PY'
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import Registry

PARTS = Registry('part')


@PARTS.register_module()
class Neck:
    def __init__(self, width):
        self.width = width


folder = Path(sys.argv[1])
(folder / 'child.py').write_text(
    "_base_ = './base.py'\nmodel = dict(neck=dict(_delete_=True, type='Neck', width=2))\n"
)
bases = {
    'a dict': "model = dict(type='Net', neck=dict(type='Other', depth=3))\n",
    'None': "model = dict(type='Net', neck=None)\n",
    'no key': "model = dict(type='Net')\n",
}
seen = {}
for name, text in bases.items():
    (folder / 'base.py').write_text(text)
    neck = Config.fromfile(folder / 'child.py').model.neck.to_dict()
    try:
        result = 'built' if PARTS.build(dict(neck)).width == 2 else 'another'
    except TypeError as error:
        assert '_delete_' in str(error), error
        result = 'TypeError'
    seen[name] = '_delete_' in neck, result
    print(f'base has {name}: {neck} -> {result}')
assert seen == {
    'a dict': (False, 'built'),
    'None': (False, 'built'),
    'no key': (True, 'TypeError'),
}
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder" 2> "$folder/log" | grep 'base has' || { cat "$folder/log"; exit 1; }
