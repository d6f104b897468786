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


@pytest.mark.parametrize(
    ('error', 'state'),
    [
        (ModuleNotFoundError("No module named 'mmcv._ext'"), 'note'),
        (ImportError('mmcv/_ext.so: undefined symbol'), 'bad'),
        (ModuleNotFoundError("No module named 'terminaltables'"), 'bad'),
    ],
)
def test_what_was_not_compiled_is_no_fault_and_what_is_broken_is(
    error: Exception, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(doctor, '_operators', fail)
    found = {finding.what: finding.state for finding in doctor.examine()}
    assert found['mmcv operators'] == state
    assert (found['mmdet'], found['mmpose']) == ('note', 'note')
    assert (found['mmseg'], found['mmpretrain']) == ('ok', 'ok')


def test_tasks_that_do_not_work_are_named_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [doctor.Finding('ok', 'mmseg', '1'), doctor.Finding('note', 'mmdet', 'no operators')]
    monkeypatch.setattr(doctor, 'examine', lambda: iter(findings))
    assert doctor.main() == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert 'mmdet' in last
    assert 'mmseg' not in last


@pytest.mark.parametrize('name', doctor.OPTIONAL)
def test_what_is_optional_is_a_note(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._optional(name, 'x').state == 'ok'
    assert doctor._optional(f'no-{name}', 'x').state == 'note'
