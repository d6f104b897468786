"""Parsing torch's headers once for all files that include them: run by the environment's Python.

Most of the time that mmcv's operators take to compile is parsing the same headers 78 times. GCC
takes HEADER.gch for HEADER where a file includes it first and the flags agree; elsewhere it takes
HEADER. What is compiled is the same to the byte. Other compilers never look at such a file.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

HEADER = Path('mmcv', 'ops', 'csrc', 'common', 'pytorch_cpp_helper.hpp')
LIKE_BUILD_EXTENSION = (
    *('-std=c++17', '-DTORCH_API_INCLUDE_EXTENSION_H'),
    '-DTORCH_EXTENSION_NAME=_ext',
)


def compiler() -> list[str]:
    """What torch's BuildExtension calls for C++, perhaps with a launcher such as ccache."""
    return shlex.split(os.environ.get('CXX') or 'c++')


def command(tree: Path) -> list[str]:
    """The compiler, and the flags that torch's BuildExtension gives it for C++ in `tree`."""
    from setuptools._distutils.ccompiler import new_compiler
    from setuptools._distutils.sysconfig import customize_compiler
    from torch.utils.cpp_extension import include_paths

    tools = new_compiler()
    customize_compiler(tools)
    header = tree / HEADER
    folders = [header.parent, *include_paths(), sysconfig.get_path('include')]
    include = [f'-I{folder}' for folder in folders]
    out = ['-x', 'c++-header', str(header), '-o', f'{header}.gch']
    return [*compiler(), *tools.compiler_so[1:], *include, *LIKE_BUILD_EXTENSION, *out]


def main(tree: Path) -> None:
    """Make the header of a source tree; without one, or without GCC, there is nothing to make."""
    if not (tree / HEADER).is_file():
        print(f'no {HEADER}: compiled without a precompiled header')
        return
    cxx = compiler()
    said = subprocess.run([*cxx, '--version'], capture_output=True, text=True, check=True).stdout
    if 'Free Software Foundation' not in said:
        print(f'{" ".join(cxx)} is not GCC: compiled without a precompiled header')
        return
    line = command(tree)
    print(*line, flush=True)
    subprocess.run(line, check=True)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
