#!/usr/bin/env bash
# optuna 5.0.0, JournalStorage with JournalFileBackend.
# One might expect: readers of a journal skip a last line that was cut (a full disk, a power cut), so that the next
# process can go on with the study; at worst the half record is lost.
# Seen: readers do skip it, but the next writer appends to the half line. From then on all readers, new ones too, end
# in JSONDecodeError, and every record of the file is out of reach.
# output:
#   after the cut: ['COMPLETE', 'COMPLETE', 'RUNNING']
#   next writer: JSONDecodeError
#   next reader: JSONDecodeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q optuna==5.0.0
cat > "$folder/run.py" <<'PY'
import sys
import warnings
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

warnings.simplefilter('ignore')
optuna.logging.set_verbosity(optuna.logging.ERROR)
path = Path(sys.argv[1])


def study():
    storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(study_name='s', storage=storage, load_if_exists=True)


study().optimize(lambda trial: trial.suggest_float('x', 0, 1), n_trials=3)
path.write_bytes(path.read_bytes()[:-10])
cut = study()
states = [trial.state.name for trial in cut.trials]
errors = []
for act in (cut.ask, study):
    try:
        act()
        errors.append('none')
    except ValueError as error:
        errors.append(type(error).__name__)
print('after the cut:', states)
print('next writer:', errors[0])
print('next reader:', errors[1])
assert states == ['COMPLETE', 'COMPLETE', 'RUNNING']
assert errors == ['JSONDecodeError', 'JSONDecodeError']
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder/study.journal"
