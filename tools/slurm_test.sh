#!/usr/bin/env bash
# Test under Slurm: slurm_test.sh PARTITION JOB CONFIG CHECKPOINT [options of test.py]
# Environment: GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB CONFIG CHECKPOINT [options of test.py]" >&2; exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
# SRUN_ARGS holds several options: it must split.
# shellcheck disable=SC2086
exec srun -p "$1" --job-name="$2" --gres="gpu:${GPUS_PER_NODE:-8}" --ntasks="${GPUS:-8}" \
    --ntasks-per-node="${GPUS_PER_NODE:-8}" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$here/test.py" "$3" "$4" --launcher slurm "${@:5}"
