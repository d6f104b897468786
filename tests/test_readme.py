"""README and docs: Python runs, commands parse, named files exist, links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}


def blocks(language):
    for page in PAGES:
        for n, text in enumerate(re.findall(rf'```{language}\n(.*?)```', page.read_text(), re.S)):
            yield pytest.param(text, id=f'{page.stem}-{n}')


def tool_commands():
    for page in PAGES:
        for text in re.findall(r'```bash\n(.*?)```', page.read_text(), re.S):
            for line in text.replace('\\\n', ' ').splitlines():
                line = line.partition(' #')[0].strip()
                if line.startswith('python tools/'):
                    yield pytest.param(line, id=line[7:60])


@pytest.mark.parametrize('text', list(blocks('python')))
def test_python_blocks_run(text, tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', text], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('line', list(tool_commands()))
def test_commands_are_accepted(line):
    """The tool's own parser takes the arguments: `--help` after them is reached, not an error."""
    words = shlex.split(line)[1:]
    for word in words:
        if word.startswith('configs/'):
            assert (ROOT / word).is_file(), word
    done = subprocess.run(
        [sys.executable, *words, '--help'],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    flags = {word for word in words[1:] if word.startswith('--')}
    unknown = {flag for flag in flags if flag not in done.stdout}
    assert not unknown, f'{words[0]} does not know {unknown}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)#]+)\)', page.read_text()):
        if '://' not in target:
            assert (page.parent / target).exists(), f'{page.name}: {target}'
