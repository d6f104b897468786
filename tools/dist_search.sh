#!/usr/bin/env bash
# Search with one worker per GPU, all on the study in the work dir:
# dist_search.sh CONFIG CHECKPOINT GPUS [options of search.py]. Start it on more machines that see
# the same study (a shared work dir, or a database given with the options) to add their GPUs.
# Environment: DEVICE (cuda; with cpu, GPUS counts processes)
set -euo pipefail
set -m  # without job control, bash starts workers with Ctrl-C ignored
if [ $# -lt 3 ]; then echo "usage: $0 CONFIG CHECKPOINT GPUS [options of search.py]" >&2; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"
workers=()
stop() { if [ ${#workers[@]} -gt 0 ]; then kill -INT "${workers[@]}" 2>/dev/null || true; fi; }
trap stop INT TERM
for ((gpu = 0; gpu < $3; gpu++)); do
    CUDA_VISIBLE_DEVICES=$gpu python -u "$here/search.py" "$1" "$2" \
        --device "${DEVICE:-cuda}" "${@:4}" &
    workers+=($!)
done
code=0
for worker in "${workers[@]}"; do wait "$worker" || code=$?; done
wait  # a signal ends a wait early: the workers still finish what they write
exit "$code"
