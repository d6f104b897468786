#!/usr/bin/env bash
# torch 2.13.0 on a CPU.
# One might expect: torch.histc counts exactly, whatever the number of threads; segmentation metrics (mmseg's IoUMetric
# among them) count the pixels of a class with it.
# Seen: counts are kept as float32 and grow by one, so a bin stops at 2**24 = 16,777,216 without a word where one thread
# counts. With two threads, each counting half, the same call is right; torch.bincount is right with both. An image of
# 5,000 x 5,000 pixels (an aerial one) whose pixels are mostly of one class is enough.
# output:
#   1 thread: histc 16777216, histogram 16777216, bincount 25000000
#   2 threads: histc 25000000, histogram 25000000, bincount 25000000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
import torch

labels = torch.zeros(5000, 5000)
expected = {1: [2**24, 2**24, 5000**2], 2: [5000**2] * 3}
for threads in (1, 2):
    torch.set_num_threads(threads)
    counts = [
        int(torch.histc(labels, bins=2, min=0, max=1)[0]),
        int(torch.histogram(labels.flatten(), 2, range=(0.0, 1.0))[0][0]),
        int(torch.bincount(labels.flatten().long(), minlength=2)[0]),
    ]
    name = f'{threads} thread' + 's' * (threads > 1)
    print(f'{name}: histc {counts[0]}, histogram {counts[1]}, bincount {counts[2]}')
    assert counts == expected[threads]
PY
"$folder/venv/bin/python" "$folder/run.py"
