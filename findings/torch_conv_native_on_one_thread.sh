#!/usr/bin/env bash
# torch 2.13.0, CPU.
# One might expect: eager float32 convolutions on a CPU run in oneDNN; fewer threads make a network slower, and never change
# which kernels it runs.
# Seen: for one image the backend depends on the number of threads and on the size. With one thread every 1x1 convolution is
# native (im2col and a matrix product, `_slow_conv2d_forward`), with two threads the same one is oneDNN. With any number of
# threads, convolutions of few values (up to 64 channels of 17x17 here, not of 18x18) are native, too. So a latency with
# `torch.set_num_threads(1)`, the usual way to make one repeatable, is of other kernels than that of deployment, and networks
# of many 1x1 convolutions or small feature maps are ranked by it as if they were slower.
# output:
#   1 thread, 1 image: 1x1 64x64 native, 3x3 64x64 oneDNN, 3x3 17x17 native, 3x3 18x18 oneDNN
#   2 threads, 1 image: 1x1 64x64 oneDNN, 3x3 64x64 oneDNN, 3x3 17x17 native, 3x3 18x18 oneDNN
#   2 threads, 2 images: 1x1 64x64 oneDNN, 3x3 64x64 oneDNN, 3x3 17x17 oneDNN, 3x3 18x18 oneDNN
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.2.6
cat > "$folder/run.py" <<'PY'
import torch
from torch.profiler import profile


def backend(threads, images, side, kernel, channels=64):
    torch.set_num_threads(threads)
    conv = torch.nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
    with torch.no_grad(), profile() as seen:
        conv(torch.randn(images, channels, side, side))
    names = {event.key for event in seen.key_averages()}
    return 'oneDNN' if 'aten::mkldnn_convolution' in names else 'native'


EXPECTED = {
    (1, 1): ['native', 'oneDNN', 'native', 'oneDNN'],
    (2, 1): ['oneDNN', 'oneDNN', 'native', 'oneDNN'],
    (2, 2): ['oneDNN', 'oneDNN', 'oneDNN', 'oneDNN'],
}
for (threads, images), expected in EXPECTED.items():
    cases = ((64, 1), (64, 3), (17, 3), (18, 3))
    found = [backend(threads, images, side, kernel) for side, kernel in cases]
    text = ', '.join(f'{k}x{k} {s}x{s} {name}' for (s, k), name in zip(cases, found))
    print(f'{threads} thread{"s" * (threads > 1)}, {images} image{"s" * (images > 1)}: {text}')
    assert found == expected
PY
"$folder/venv/bin/python" "$folder/run.py" 2> "$folder/log" || { cat "$folder/log"; exit 1; }
