"""The notebook is run from its first to its last cell, with fewer iterations."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scalenas.search import front_of
from tests.adoption.world import Forked

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = json.loads((ROOT / 'docs/first_search.ipynb').read_text())
FEWER = {'ITERATIONS': 2, 'CANDIDATES': 4}


def cells() -> list[str]:
    return [''.join(cell['source']) for cell in NOTEBOOK['cells'] if cell['cell_type'] == 'code']


def execute(code: str, names: dict[str, Any]) -> Any:
    """As a notebook does it: the value of the last expression, None where it ends with another."""
    tree = ast.parse(code)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, 'cell', 'exec'), names)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), 'cell', 'exec'), names)
    return eval(compile(ast.Expression(last.value), 'cell', 'eval'), names)


def test_the_notebook_ends_with_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('scalenas.pipeline.subprocess.Popen', Forked)
    names: dict[str, Any] = {'__name__': '__main__'}
    shown = []
    for code in cells():
        for name, number in FEWER.items():
            code = re.sub(rf'^{name} = \d+', f'{name} = {number}', code, flags=re.M)
        shown.append(execute(code, names))
    result = names['result']
    assert any(value is result for value in shown)
    assert len(result) == FEWER['CANDIDATES']
    assert result.front == front_of(result.records, result.objectives)
    assert names['best'].metrics['mIoU'] == max(r.metrics['mIoU'] for r in result.records)
    assert names['cheapest'].cost['macs'] == names['frame']['macs'].min()
    assert names['labels'].shape == (96, 96)
    assert (tmp_path / 'mine_searched.py').is_file()


def test_it_has_no_paths_and_no_errors_of_a_run() -> None:
    outputs = [out for cell in NOTEBOOK['cells'] for out in cell.get('outputs', [])]
    assert not [out for out in outputs if out['output_type'] == 'error']
    assert not re.search(r'/(root|home|tmp|work)/', json.dumps(NOTEBOOK))
