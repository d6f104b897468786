"""The doctor: healthy here, and honest about what is broken."""

from __future__ import annotations

import pytest

from scalenas import doctor


def test_a_healthy_environment(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('mmcv')
    assert doctor.main() == 0
    shown = capsys.readouterr().out
    assert 'nms keeps the right boxes' in shown
    assert not [line for line in shown.splitlines() if line.startswith('bad')]


def test_a_broken_part_is_named_and_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = doctor.Finding('bad', 'mmcv operators', 'ImportError: undefined symbol')
    monkeypatch.setattr(doctor, 'examine', lambda: iter([broken]))
    assert doctor.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == 'unusable: mmcv operators'


def test_an_exception_becomes_one_line() -> None:
    def attempt() -> str:
        raise OSError('first line\nsecond line')

    finding = doctor._tried('torch', attempt)
    assert finding == doctor.Finding('bad', 'torch', 'OSError: first line second line')


def test_a_mixture_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = {'mmcv': {'onedl-mmcv': '2.3.6', 'mmcv': '2.1.0'}}
    monkeypatch.setattr(doctor, 'installed_twice', lambda: mixture)
    for name in ('_torch', '_operators', '_registry', '_gpu'):
        monkeypatch.setattr(doctor, name, lambda: '')
    found = [finding for finding in doctor.examine() if finding.state == 'bad']
    assert [finding.what for finding in found] == ['mmcv']
    assert 'pip uninstall -y onedl-mmcv mmcv' in found[0].detail
