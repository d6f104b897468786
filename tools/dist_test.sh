#!/usr/bin/env bash
# Test on several GPUs: dist_test.sh CONFIG CHECKPOINT GPUS [options of test.py]
# Environment: NNODES NODE_RANK PORT MASTER_ADDR
set -euo pipefail
if [ $# -lt 3 ]; then echo "usage: $0 CONFIG CHECKPOINT GPUS [options of test.py]" >&2; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
exec torchrun --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$3" "$here/test.py" "$1" "$2" --launcher pytorch "${@:4}"
