#!/usr/bin/env bash
# torch 2.13.0 on an x86-64 CPU, with a C++ compiler.
# One might expect: torch.compile(..., options={'freezing': True}) compiles with the configuration `freezing`, as options do,
# so weights become constants, packed once for oneDNN, with activations fused into the convolutions.
# Seen: the option is accepted and has no effect. Whether weights are arguments of the graph is decided before options are
# looked at, by the global configuration alone: only inside torch._inductor.config.patch(freezing=True) are they packed. What
# is compiled with the option computes the same as without, packing weights in each call, and nothing is said.
# output:
#   no option: 0 convolutions packed, 0 activations fused
#   as an option: 0 convolutions packed, 0 activations fused
#   as the configuration: 2 convolutions packed, 2 activations fused
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
from contextlib import nullcontext

import torch
from torch import nn
from torch._dynamo.utils import counters
from torch._inductor import config

net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()).eval()
image = torch.zeros(1, 3, 32, 32)
frozen = {'freezing': True}
cases = {
    'no option': (None, nullcontext(), 0),
    'as an option': (frozen, nullcontext(), 0),
    'as the configuration': (None, config.patch(**frozen), 2),
}
for name, (options, setting, expected) in cases.items():
    torch._dynamo.reset()
    counters.clear()
    with torch.no_grad(), setting:
        torch.compile(net, fullgraph=True, dynamic=False, options=options)(image)
    found = counters['inductor']
    packed = found['mkldnn_conv_weight_pack_matcher_count']
    fused = found['mkldnn_unary_fusion_matcher_count']
    print(f'{name}: {packed} convolutions packed, {fused} activations fused')
    assert (packed, fused) == (expected, expected)
PY
TORCHINDUCTOR_FORCE_DISABLE_CACHES=1 OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore "$folder/run.py" 2>/dev/null
