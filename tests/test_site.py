"""The docs as a site: every page and every room is there, and a link that leads nowhere fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.test_rooms import ROOMS

ROOT = Path(__file__).resolve().parents[1]
COMMAND = ('-m', 'sphinx', '-W', '--keep-going', '-q', '-c', 'docs/site')
PRIVATE = ('pose', 'datasets', 'utils')  # bridges to registries: configs name what is in them


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip('furo')
    out = tmp_path_factory.mktemp('site')
    built = subprocess.run(
        [sys.executable, *COMMAND, '.', str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return out


def test_every_page_is_there(site: Path) -> None:
    pages = {path.stem for path in (ROOT / 'docs').glob('*.md')}
    assert {path.stem for path in (site / 'docs').glob('*.html')} == pages
    assert (site / 'README.html').is_file()


def test_every_room_has_a_page_with_its_names(site: Path) -> None:
    pages = {path.stem for path in (site / 'docs/api').glob('*.html')}
    rooms = {name for name in ROOMS if (ROOT / 'scalenas' / name / '__init__.py').is_file()}
    assert rooms - pages == {name for name in PRIVATE if name in rooms}
    for name, member in (
        ('scalenas', 'scalenas.register_family'),
        ('space', 'scalenas.space.HRSpace'),
        ('search', 'scalenas.search.run'),
        ('deploy', 'scalenas.deploy.deployed'),
    ):
        assert f'id="{member}"' in (site / f'docs/api/{name}.html').read_text()


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip('furo')
    page = '# A page\n\n[a page](docs/nowhere.md), [a place](README.md#no-such-place)\n'
    (tmp_path / 'README.md').write_text(page)
    conf = (ROOT / 'docs/site/conf.py').read_text()
    (tmp_path / 'docs/site').mkdir(parents=True)
    (tmp_path / 'docs/site/conf.py').write_text(conf.replace('+ contents()', ''))
    built = subprocess.run(
        [sys.executable, *COMMAND, '.', str(tmp_path / 'out')],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode != 0
    assert 'docs/nowhere.md' in built.stderr
    assert 'no-such-place' in built.stderr
