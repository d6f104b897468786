#!/usr/bin/env bash
# torch 2.13.0, CPU, SGD with momentum and AdamW, fused=True.
# One might expect: fused optimizers compute what the loop computes, or refuse. A training that switches a model to
# channels_last in the middle (as one does when resuming with another option) goes on as before.
# Seen: the fused kernel walks over memory. Where a weight is channels_last and its momentum still has the layout of before, it
# pairs values of different positions: updates are wrong, nothing is said. The loop (fused=False) is right.
# output:
#   SGD: fused and loop differ by more than 0.1: True; with the state in the layout of the weight: False
#   AdamW: fused and loop differ by more than 0.1: True; with the state in the layout of the weight: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.2.6
cat > "$folder/run.py" <<'PY'
import torch

LAST = torch.channels_last


def trained(kind, fused, moved, **options):
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8, 8, 3, 3, generator=generator))
    optimizer = kind([weight], fused=fused, **options)
    for step in range(4):
        if step == 2:
            weight.data = weight.data.contiguous(memory_format=LAST)
            for name, value in optimizer.state[weight].items() if moved else ():
                if torch.is_tensor(value) and value.dim() == 4:
                    optimizer.state[weight][name] = value.contiguous(memory_format=LAST)
        grad = torch.randn(8, 8, 3, 3, generator=generator)
        weight.grad = grad.contiguous(memory_format=LAST) if step >= 2 else grad
        optimizer.step()
    return weight.detach().contiguous()


CASES = (
    (torch.optim.SGD, {'lr': 0.5, 'momentum': 0.9}),
    (torch.optim.AdamW, {'lr': 0.5}),
)
for kind, options in CASES:
    apart = []
    for moved in (False, True):
        loop, fused = (trained(kind, how, moved, **options) for how in (False, True))
        apart.append(float((loop - fused).abs().max()) > 0.1)
    print(
        f'{kind.__name__}: fused and loop differ by more than 0.1: {apart[0]}; with the state in the '
        f'layout of the weight: {apart[1]}'
    )
    assert apart == [True, False]
PY
"$folder/venv/bin/python" "$folder/run.py" 2> "$folder/log" || { cat "$folder/log"; exit 1; }
