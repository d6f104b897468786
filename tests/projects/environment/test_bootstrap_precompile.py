"""A header parsed once: taken by the compiler, and the same object file to the byte."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from projects.environment import precompile

HELPER = '#pragma once\n#include <vector>\ninline int helped(int x) { return x + 1; }\n'
FILE = '#include "pytorch_cpp_helper.hpp"\nint twice(int x) { return helped(x) * 2; }\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    header = tmp_path / precompile.HEADER
    header.parent.mkdir(parents=True)
    header.write_text(HELPER)
    (tmp_path / 'file.cpp').write_text(FILE)
    return tmp_path


def is_gcc(compiler: str) -> bool:
    said = subprocess.run([compiler, '--version'], capture_output=True, text=True, check=False)
    return 'Free Software Foundation' in said.stdout


def test_the_compiler_takes_it_and_writes_the_same(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('CFLAGS', f'{sysconfig.get_config_var("CFLAGS")} -g0')
    line = precompile.command(tree)
    if not is_gcc(line[0]):
        pytest.skip('the compiler is not GCC')
    assert line[line.index('-x') + 1] == 'c++-header'
    flags = line[: line.index('-x')]

    def compiled(name: str) -> tuple[bytes, bool]:
        out = tree / name
        # -H lists each header that is read, and with ! a precompiled one that is used.
        done = subprocess.run(
            [*flags, '-H', '-c', str(tree / 'file.cpp'), '-o', str(out)],
            capture_output=True,
            text=True,
            check=True,
        )
        used = any(said.startswith('! ') for said in done.stderr.splitlines())
        return out.read_bytes(), used

    without, used = compiled('without.o')
    assert not used
    precompile.main(tree)
    with_it, used = compiled('with.o')
    assert used
    assert with_it == without


def test_another_compiler_and_another_tree_go_without(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    precompile.main(tmp_path_factory.mktemp('other'))
    clang = tree / 'clang++'
    clang.write_text('#!/bin/sh\necho clang version 19\n')
    clang.chmod(0o755)
    monkeypatch.setenv('CXX', str(clang))
    precompile.main(tree)
    assert not (tree / f'{precompile.HEADER}.gch').exists()
