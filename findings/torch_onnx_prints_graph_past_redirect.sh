#!/usr/bin/env bash
# torch 2.13.0, onnx 1.23.2: torch.onnx.export(..., dynamo=False).
# One might expect: with verbose=False nothing is printed; an operator that ONNX lacks is an exception, and whatever is said on
# the way is caught by contextlib.redirect_stdout.
# Seen: the whole intermediate graph of the model is written to file descriptor 1, by C++, before the exception: redirect_stdout
# holds nothing of it, and a tool whose standard output is data (JSON, a table) has a page of graph in front of it. The option
# that switches this logging on is read as a function that is never called, so it is always on.
# output:
#   exception: UnsupportedOperatorError
#   caught by redirect_stdout: 0 lines; on file descriptor 1: more than 5 lines, the first begins 'Torch IR graph at exception'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 onnx==1.23.2 numpy==2.2.6
cat > "$folder/run.py" <<'PY'
import contextlib
import io
import os
import sys
import tempfile
import warnings

import torch

warnings.simplefilter('ignore')


class Model(torch.nn.Module):
    def forward(self, x):
        return torch.fft.rfft(x).abs()


caught, failure = io.StringIO(), None
keep = os.dup(1)
with tempfile.TemporaryFile() as file:
    os.dup2(file.fileno(), 1)
    try:
        with contextlib.redirect_stdout(caught):
            torch.onnx.export(Model(), (torch.rand(1, 3, 8, 8),), io.BytesIO(), verbose=False, dynamo=False)
    except Exception as error:
        failure = type(error).__name__
    sys.stdout.flush()
    os.dup2(keep, 1)
    file.seek(0)
    lines = file.read().decode().splitlines()
print(f'exception: {failure}')
print(
    f'caught by redirect_stdout: {len(caught.getvalue().splitlines())} lines; on file descriptor 1: '
    f'{"more than 5" if len(lines) > 5 else len(lines)} lines, the first begins {lines[0][:27]!r}'
)
assert failure == 'UnsupportedOperatorError'
assert not caught.getvalue()
assert len(lines) > 5 and lines[0].startswith('Torch IR graph at exception')
PY
"$folder/venv/bin/python" "$folder/run.py" 2> "$folder/log" || { cat "$folder/log"; exit 1; }
