"""Folders for results: made when they can be, refused in one line when they cannot."""

import sys
from pathlib import Path

import pytest

from scalenas.paths import writable_folder
from tests.errors import contains, raises


def test_a_folder_is_made_with_its_parents_and_taken_as_it_is(tmp_path):
    folder = writable_folder(tmp_path / 'a' / 'b')
    (folder / 'kept').write_text('')
    assert writable_folder(str(folder)) == folder
    assert (folder / 'kept').is_file()


@pytest.mark.parametrize('below', ['', 'folder'])
def test_a_file_in_its_way_is_named(tmp_path, below):
    (tmp_path / 'file').write_text('')
    with raises(where=tmp_path / 'file' / below, problem=contains('a file')):
        writable_folder(tmp_path / 'file' / below)


def test_a_folder_that_takes_no_files_is_refused(tmp_path, monkeypatch):
    """Whoever runs the tests may write everywhere, so the system's answer is replaced."""
    monkeypatch.setattr('os.access', lambda path, mode: False)
    with raises(where=tmp_path, hint='name another'):
        writable_folder(tmp_path)


@pytest.mark.skipif(not Path('/proc/self').is_dir() or sys.platform != 'linux', reason='no /proc')
def test_a_folder_that_cannot_be_made_is_refused():
    with raises(where='/proc/none', problem=contains('cannot be made')):
        writable_folder('/proc/none')
