#!/usr/bin/env bash
# Train on several GPUs of one or more machines: dist_train.sh CONFIG GPUS [options of train.py]
# Environment: NNODES NODE_RANK PORT MASTER_ADDR
set -euo pipefail
if [ $# -lt 2 ]; then echo "usage: $0 CONFIG GPUS [options of train.py]" >&2; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
exec torchrun --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$2" "$here/train.py" "$1" --launcher pytorch "${@:3}"
