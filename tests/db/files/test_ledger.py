"""Claims, deaths, and counts that always add up."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from echosearch.db.files import ledger as ledger_module
from echosearch.db.files.leases import MAX_ORPHANED
from echosearch.db.files.ledger import claim, claim_again, settle, single_ingest, start_run, states
from echosearch.db.files.status import archive_counts, tree_counts, why
from echosearch.db.schema.tables import SourceFile
from echosearch.errors import ArchiveLocked
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.source_file import FoundFile
from tests.db.conftest import KEYRING, Ledger, header


def test_a_claim_counts_an_attempt_and_an_outcome_releases_it(engine: Engine, ledger: Ledger) -> None:
    with engine.begin() as connection:
        claimed = ledger.claim(connection)
        assert claimed.attempts == 1
        assert claim_again(connection, claimed).attempts == 2
        settle(connection, [(claimed.id, Quarantined(Reason.DECODER_CRASH, "signal 11, 2 times"))])
        row = connection.execute(select(SourceFile.__table__)).one()
    assert (row.state, row.reason, row.claimed_by, row.attempts) == ("quarantined", "DECODER_CRASH", None, 2)


def test_the_death_of_a_run_is_not_held_against_its_files(engine: Engine, ledger: Ledger) -> None:
    with engine.begin() as connection:
        claimed = ledger.claim(connection)
    for _ in range(5):
        with engine.begin() as connection:
            run = start_run(connection, ledger.encoder_id, Path("/root"))
            again = claim(connection, KEYRING, run, [claimed.file])[0]
            assert (again.id, again.attempts) == (claimed.id, 1)


def test_a_file_in_flight_in_too_many_dead_runs_is_quarantined(engine: Engine, ledger: Ledger) -> None:
    with engine.begin() as connection:
        found = ledger.claim(connection).file
    for _ in range(MAX_ORPHANED - 1):
        with engine.begin() as connection:
            claim(connection, KEYRING, start_run(connection, ledger.encoder_id, Path("/root")), [found])
    with engine.begin() as connection:
        start_run(connection, ledger.encoder_id, Path("/root"))
        row = connection.execute(select(SourceFile.state, SourceFile.reason)).one()
    assert tuple(row) == ("quarantined", "RUN_DIED")


def test_states_see_a_changed_file(engine: Engine, ledger: Ledger) -> None:
    with engine.begin() as connection:
        found = ledger.claim(connection, "IM_1").file
        settle(connection, [(1, Skipped(Reason.STILL))])
        key = KEYRING.path(found.path)
        assert states(connection, KEYRING, [found]) == {key: ("skipped", True)}
        touched = FoundFile(found.path, found.size, found.mtime_ns + 1)
        assert states(connection, KEYRING, [touched]) == {key: ("skipped", False)}
        assert claim(connection, KEYRING, ledger.run_id, [touched])[0].attempts == 1  # new content, new chances
        status = why(connection, key)
    assert status is not None
    assert (status.state, status.reason) == ("registered", None)


def test_counts_add_up_and_are_of_one_tree(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"), header("1.2"))
    with engine.begin() as connection:
        settle(connection, [(ledger.claim(connection).id, Skipped(Reason.STILL))])
        settle(connection, [(ledger.claim(connection).id, Quarantined(Reason.TRUNCATED))])
        ledger.claim(connection, "deeper/IM_9")
        everything = archive_counts(connection)
        deeper = tree_counts(connection, Path("/root/deeper"))
        alone = tree_counts(connection, Path("/root/deeper/IM_9"))
        beside = tree_counts(connection, Path("/root/deep"))
    assert (everything.found, everything.pending, everything.skipped, everything.quarantined) == (5, 3, 1, 1)
    assert everything.reasons == {"STILL": 1, "TRUNCATED": 1}
    assert (deeper.found, alone.found, beside.found) == (1, 1, 0)


def test_one_ingest_at_a_time(engine: Engine) -> None:
    with single_ingest(engine), pytest.raises(ArchiveLocked) as caught, single_ingest(engine):
        pass
    assert caught.value.exit_code == 11
    with single_ingest(engine):  # released
        pass


def test_no_identifier_in_any_repr(ledger: Ledger) -> None:
    shown = repr(header("1.2.840.99")) + repr(FoundFile(Path("/pacs/Yamada"), 1, 1))
    for secret in ("1.2.840.99", "0007", "Yamada", "2024"):
        assert secret not in shown
    assert ledger_module.MAX_ATTEMPTS == 2
