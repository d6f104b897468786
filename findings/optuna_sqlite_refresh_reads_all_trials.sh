#!/usr/bin/env bash
# optuna 5.0.0 with SQLAlchemy 2.1.9 on SQLite.
# One might expect: a process that has read a study looks only at trials that may have changed, those that are new or were not
# finished, for RDBStorage is cached; so a look at a study of which nothing is new costs the same however long the study is.
# Seen: as soon as one trial runs that is older than a finished one, as always with several workers, the query is
# `study_id = ? AND (trial_id IN (...) OR trial_id > ?)`. SQLite answers it from the index of study_id and tests every trial of the study,
# in each look of each worker. Without such a trial the row number is used, and four times the trials cost the same.
# output:
#   none running: 500 trials 1 x, 2000 trials 1.0 x
#   one running: 500 trials 1 x, 2000 trials 4.0 x
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q optuna==5.0.0 sqlalchemy==2.1.9 numpy==2.4.6
cat > "$folder/run.py" <<'PY'
import sys

import optuna
from optuna.trial import create_trial
from sqlalchemy import event

optuna.logging.disable_default_handler()
folder = sys.argv[1]


def study_of(size, running):
    """A SQLite file with `size` finished trials; the rows of all but the first are written as one."""
    url = f'sqlite:///{folder}/{size}_{running}.db'
    study = optuna.create_study(storage=url, study_name='study')
    study.add_trial(create_trial(value=1.0))
    with study._storage._backend.engine.begin() as connection:
        columns = [row[1] for row in connection.exec_driver_sql('PRAGMA table_info(trials)')]
        rest = ', '.join(name for name in columns if name not in ('trial_id', 'number'))
        connection.exec_driver_sql(
            f'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size - 2}) '
            f'INSERT INTO trials (number, {rest}) '
            f'SELECT i, {rest} FROM n, (SELECT * FROM trials WHERE number = 0)'
        )
    if running:
        study.ask()
    study.add_trial(create_trial(value=1.0))
    return url


def steps(size, running):
    """Tens of SQLite's instructions for a look at a study of which all is known."""
    study = optuna.load_study(storage=study_of(size, running), study_name='study')
    assert len(study.get_trials(deepcopy=False)) == size + running
    engine, seen = study._storage._backend.engine, []
    event.listen(engine, 'before_cursor_execute', lambda *a: seen.append((a[2], a[3])))
    study._storage.get_all_trials(study._study_id, deepcopy=False)
    count = [0]

    def tick():
        count[0] += 1

    with engine.connect() as connection:
        database = connection.connection.driver_connection
        for statement, values in [one for one in seen if 'FROM trials' in one[0]]:
            database.set_progress_handler(tick, 10)
            database.execute(statement, values).fetchall()
            database.set_progress_handler(None, 0)
    return count[0]


for name, running, expected in (('none running', 0, 1.0), ('one running', 1, 4.0)):
    few, many = steps(500, running), steps(2000, running)
    assert few > 0
    print(f'{name}: 500 trials 1 x, 2000 trials {many / few:.1f} x')
    assert abs(many / few - expected) < 0.2
PY
"$folder/venv/bin/python" -W ignore "$folder/run.py" "$folder"
