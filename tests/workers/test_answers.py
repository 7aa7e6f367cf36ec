"""What decode workers answer reaches the parent: outcomes of files, and refusals."""

from __future__ import annotations

import pickle
from enum import Enum
from multiprocessing import Pipe

import pytest

from echosearch.errors import FileRefused
from echosearch.outcome import Measured, MeasuredValue, Quarantined, Reason, Skipped
from echosearch.video import Mode, View
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


def test_members_of_an_enum_cross_as_early_versions_of_python_pickle_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """3.11.0 to 3.11.3 (Debian 12 has 3.11.2) pickle a member as ``getattr`` of its class, which no answer may call."""
    monkeypatch.setattr(Enum, "__reduce_ex__", lambda member, protocol: (getattr, (type(member), member.name)))
    outcome = Quarantined(Reason.BAD_HEADER, "no rows")
    assert b"getattr" in pickle.dumps(outcome)
    ours, theirs = Pipe()
    with ours, theirs:
        send(theirs, (True, {outcome: [Mode.BMODE, View.CH4]}))
        assert receive(ours) == (True, {outcome: [Mode.BMODE, View.CH4]})
        send(theirs, (False, FileRefused(outcome)))
        assert getattr(receive(ours)[1], "outcome", None) == outcome
