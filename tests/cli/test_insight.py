"""interpret, disagree and audit on an archive that is too small to calibrate anything."""

from __future__ import annotations

from tests.cli.conftest import Tried


def test_what_is_not_calibrated_is_said_instead_of_a_number(real: Tried) -> None:
    done = real.ask("interpret", "DEMO-2")
    assert done.exit_code == 0
    assert "not a diagnosis" in done.output
    assert "no finding is calibrated" in done.output
    rows = [line.split("\t") for line in done.stdout.splitlines() if "not calibrated" in line]
    assert rows
    assert all(row[1] == "-" for row in rows)


def test_a_verdict_is_recorded_and_a_half_of_one_is_refused(real: Tried) -> None:
    verdict = ("disagree", "--record", "DEMO-2", "--answer", "reject", "--reader", "佐藤")
    done = real.ask(*verdict)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "reject by 佐藤 is recorded" in done.output
    assert real.ask(*verdict[:3]).exit_code == 2


def test_rates_and_the_audit_are_tables(real: Tried) -> None:
    done = real.ask("disagree", "--rates")
    assert done.stdout.splitlines()[0].split("\t") == ["by", "name", "studies", "surprising", "share"]
    done = real.ask("audit", "shortcuts", "--studies", "100")
    assert done.exit_code == 0
    assert "vendor" in done.stdout
