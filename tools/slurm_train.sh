#!/usr/bin/env bash
# Train under Slurm: slurm_train.sh PARTITION JOB CONFIG WORK_DIR [options of train.py]
# Environment: GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB CONFIG WORK_DIR [options of train.py]" >&2; exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
# SRUN_ARGS holds several options: it must split.
# shellcheck disable=SC2086
exec srun -p "$1" --job-name="$2" --gres="gpu:${GPUS_PER_NODE:-8}" --ntasks="${GPUS:-8}" \
    --ntasks-per-node="${GPUS_PER_NODE:-8}" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$here/train.py" "$3" --work-dir "$4" --launcher slurm "${@:5}"
