"""The ingest: one screen of generators, each pulling from the one before.

    walk -> unfinished -> claimed -> inspected -> admitted -> decoded -> encoded -> written -> relayed

Everything is bounded: groups of files, a window of tasks in the workers, one batch of clips. A death
anywhere leaves committed rows and nothing else; the next run continues from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from echosearch.archive import Archive
from echosearch.db.files import ledger
from echosearch.db.files.measurements import trust_measurements
from echosearch.db.opt_out.erase import erase_opted_out
from echosearch.db.studies.hospitals import keep_hospitals_apart
from echosearch.db.studies.reports import link_reports
from echosearch.index.base import KINDS
from echosearch.source_file import FoundFile
from ingest.facts import read_facts_of_reports, settle_patients
from ingest.options import IngestOptions, IngestSummary
from ingest.progress import Progress, every
from ingest.relay import RelayThread
from ingest.reports import encode_reports
from ingest.run import Run
from ingest.stages import admitted, claimed, decoded, encoded, inspected, unfinished, written
from ingest.walk import walk
from ingest.work import HALF_A_BLOCK

__all__ = ["ingest", "settle_run", "take_in_all"]

RELAY_SECONDS = 2.0  # a study's point is sent once for all its videos of this time, not once a batch


def ingest(
    archive: Archive, root: Path, options: IngestOptions, on_progress: Callable[[Progress], None] = lambda _: None
) -> IngestSummary:
    """Bring everything under ``root`` into the archive; safe to kill, safe to run again.

    Raises ArchiveLocked if another ingest runs, EncoderMismatch if the archive holds another encoder's
    vectors, TableError before anything is decoded if a CSV is wrong, InputError if ``root`` cannot be
    listed, StoreUnreachable if a store goes away: what was committed stays, run again.
    """
    with (
        ledger.single_ingest(archive.engine),
        Run(archive, root, options, on_progress) as run,
        RelayThread(archive, archive.encoder_info, run.encoder_id, run.transaction) as relay,
    ):
        run.count_ahead()
        take_in_all(run, relay, run.clock.pulling("walk", unfinished(run, walk(run.root, run.unread))))
        settle_run(run, relay)
        return run.finish(relay.sent)


def take_in_all(run: Run, relay: RelayThread, files: Iterator[FoundFile]) -> None:
    """Take in files, those last whose sidecar row names a study that others of them may bring."""
    later: list[FoundFile] = []
    _take_in(run, relay, run.with_a_study(files, later))
    if later:
        run.name_studies(later)
        _take_in(run, relay, iter(later))


def settle_run(run: Run, relay: RelayThread) -> None:
    """Bring what was taken in to its end: copies that are due now, links, reports, facts, the index."""
    archive = run.archive
    while copies := run.waiting():
        _take_in(run, relay, iter(copies))
    relay.nudge()
    with run.clock.stage("reports"):
        with run.writing() as connection:
            keep_hospitals_apart(connection, archive.keyring)
            while erase_opted_out(connection, archive.keyring).studies:
                pass  # a study that was here before its patient was known
            trust_measurements(connection)
            run.links = link_reports(connection)
        run.new_reports += encode_reports(run)
        read_facts_of_reports(run)
        settle_patients(run)
    with run.clock.stage("relay"):
        relay.drain()
        if relay.sent:
            made = [archive.index.optimize(archive.collection(kind)) for kind in KINDS]
            run.slow_index = not all(made)
        run.fold_stale()


def _take_in(run: Run, relay: RelayThread, files: Iterator[FoundFile]) -> None:
    """Run the stages from found files to written vectors."""
    headers = inspected(run, claimed(run, files))
    clips = decoded(run, admitted(run, headers))
    for _ in every(RELAY_SECONDS, written(run, encoded(run, clips))):
        relay.nudge()
        run.fold_stale(HALF_A_BLOCK)
