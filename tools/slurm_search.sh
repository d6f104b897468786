#!/usr/bin/env bash
# Search under Slurm: slurm_search.sh PARTITION JOB CONFIG CHECKPOINT WORKERS [options of search.py]
# An array of so many jobs, each one worker with one GPU, all on one study: give --storage with a
# database, or a .journal file that all nodes see. A job that ends early, or begins late, holds
# nobody up with --mode async.
# Environment: CPUS_PER_TASK SBATCH_ARGS DEVICE (cuda; with cpu no GPU is asked for)
set -euo pipefail
if [ $# -lt 5 ]; then
    echo "usage: $0 PARTITION JOB CONFIG CHECKPOINT WORKERS [options of search.py]" >&2; exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
device=${DEVICE:-cuda}
gpu=(--gres=gpu:1)
if [ "$device" = cpu ]; then gpu=(); fi
# SBATCH_ARGS holds several options: it must split.
# shellcheck disable=SC2086
exec sbatch -p "$1" --job-name="$2" --array="0-$(($5 - 1))" ${gpu[@]+"${gpu[@]}"} \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --requeue ${SBATCH_ARGS:-} <<EOF
#!/usr/bin/env bash
exec python -u $(printf '%q ' "$here/search.py" "$3" "$4" --device "$device" "${@:6}")
EOF
