"""A whole run is `python -m tests.fuzz`; here each domain has a short one of its own."""

from pathlib import Path

import pytest

from scalenas.errors import UserError

from .case import Case, Outcome
from .run import DOMAINS, run


@pytest.mark.slow
@pytest.mark.parametrize('domain', DOMAINS)
def test_no_input_ends_in_a_fault(domain: str, tmp_path: Path) -> None:
    outcomes, faults = run(domain, max(1, DOMAINS[domain] // 10), tmp_path, seed=1)
    assert not faults, '\n'.join(faults)
    assert outcomes[Outcome.REFUSED] > 0


def test_a_fault_is_seen() -> None:
    def raw() -> None:
        raise KeyError('raw')

    def endless() -> None:
        while True:
            pass

    def refuse() -> None:
        raise UserError(where='x', got=1)

    outcomes = [
        Case('', run, wrong).outcome(limit=1)[0]
        for run, wrong in (
            (raw, None),
            (endless, None),
            (refuse, False),
            (refuse, True),
            (dict, True),
            (dict, False),
        )
    ]
    assert outcomes == [
        Outcome.TRACEBACK,
        Outcome.HANG,
        Outcome.FALSE_ALARM,
        Outcome.REFUSED,
        Outcome.SILENT,
        Outcome.ACCEPTED,
    ]
