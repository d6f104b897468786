#!/usr/bin/env bash
# torch 2.13.0, torch.utils.flop_counter.FlopCounterMode.
# One might expect: the FLOPs of scaled_dot_product_attention do not depend on the device that the tensors are on.
# Seen: on a CPU the call runs an operator for which the counter has no formula, and counts 0 without a word; on the meta
# device the same call is counted. A transformer that is counted on a CPU therefore loses its attention, its linear
# layers are still there.
# output:
#   cpu: 0
#   meta: 524288
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

expected = {'cpu': 0, 'meta': 2 * 2 * 4 * 64 * 64 * 8}
for device, flops in expected.items():
    query = torch.zeros(1, 4, 64, 8, device=device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        scaled_dot_product_attention(query, query, query)
    print(f'{device}: {counter.get_total_flops()}')
    assert counter.get_total_flops() == flops
PY
"$folder/venv/bin/python" "$folder/run.py"
