#!/usr/bin/env bash
# torch 2.13.0, CPU.
# One might expect: SGD with momentum skips parameters without a gradient, and begins with one in the step in which it first
# gets a gradient: what weight-sharing supernets, mixtures of experts and layers that are unfrozen later rely on.
# Seen: with fused=True, a parameter that gets its first gradient in a later step than another one of its group ends in a
# TypeError about a list element, for one momentum buffer is there and the other is None. With fused=False, foreach=True,
# momentum=0 or AdamW(fused=True) it works.
# output:
#   SGD fused: TypeError
#   SGD loop: ok, SGD foreach: ok, SGD fused without momentum: ok, AdamW fused: ok
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.2.6
cat > "$folder/run.py" <<'PY'
import torch


def late(kind, **options):
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = kind([first, second], lr=0.1, **options)
    first.grad = torch.ones(2)
    optimizer.step()
    second.grad = torch.ones(2)
    try:
        optimizer.step()
    except TypeError as error:
        return type(error).__name__
    assert bool((second < 1).all())
    return 'ok'


SGD, AdamW = torch.optim.SGD, torch.optim.AdamW
broken = late(SGD, momentum=0.9, fused=True)
print(f'SGD fused: {broken}')
others = {
    'SGD loop': late(SGD, momentum=0.9, fused=False, foreach=False),
    'SGD foreach': late(SGD, momentum=0.9, foreach=True),
    'SGD fused without momentum': late(SGD, fused=True),
    'AdamW fused': late(AdamW, fused=True),
}
print(', '.join(f'{name}: {seen}' for name, seen in others.items()))
assert broken == 'TypeError'
assert set(others.values()) == {'ok'}
PY
"$folder/venv/bin/python" "$folder/run.py" 2> "$folder/log" || { cat "$folder/log"; exit 1; }
