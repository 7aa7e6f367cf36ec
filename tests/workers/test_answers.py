"""What decode workers answer reaches the parent: outcomes of files, and refusals."""

from __future__ import annotations

from multiprocessing import Pipe

import pytest

from echosearch.errors import FileRefused
from echosearch.outcome import Measured, MeasuredValue, Quarantined, Reason, Skipped
from echosearch.workers.answers import receive, send


@pytest.mark.parametrize(
    "outcome",
    [
        Skipped(Reason.NOT_A_CINE_CLASS, "SR"),
        Measured(Reason.NOT_A_CINE_CLASS, "SR", "1.2.3", "0007", "", (MeasuredValue("lvef", 32.0, "%"),)),
        Quarantined(Reason.BAD_HEADER, "no rows"),
    ],
)
def test_an_outcome_crosses_as_a_value_and_inside_a_refusal(outcome: Skipped | Quarantined) -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        send(theirs, (True, outcome))
        assert receive(ours) == (True, outcome)
        send(theirs, (False, FileRefused(outcome)))
        succeeded, refusal = receive(ours)
    assert not succeeded
    assert isinstance(refusal, FileRefused)
    assert refusal.outcome == outcome
