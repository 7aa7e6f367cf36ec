"""Embed the archive with another encoder, beside the one that answers; then hand over to it.

    waiting -> decoded -> encoded -> stored     then the reports, the index, and, when nothing is missing, promotion

Safe to stop and to run again: what the new encoder has embedded stays. The index is written at the end alone, so that
searches continue meanwhile, by the encoder before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from echosearch.archive import Archive
from echosearch.db.admission.admit import Admitted
from echosearch.db.files.backing import is_unchanged
from echosearch.db.files.ledger import single_ingest
from echosearch.db.files.study_ranges import ALL_STUDIES, StudyRange
from echosearch.db.studies.report_attempts import report_counts
from echosearch.db.upkeep.reembedding import count_unembedded, hand_over_files, unembedded
from echosearch.db.vectors import generation
from echosearch.db.vectors.generation import IndexedCounts, contents
from echosearch.db.vectors.write import put_vectors
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import EmptyArchive, InputError
from echosearch.index.base import KINDS
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.source_file import Claimed
from echosearch.unicode import is_text
from ingest.progress import Progress
from ingest.relay import relay
from ingest.reports import encode_reports
from ingest.stages import Embedded, decoded, encoded
from ingest.verify import compare_index
from ingest.work import Work

__all__ = ["ReembedOptions", "ReembedSummary", "Reembedding", "drop", "reembed"]

BATCH = 1000  # videos looked up at a time
NAMED = 20  # missing files that the summary names


@dataclass(frozen=True)
class ReembedOptions:
    promote: bool = True  # the new vectors answer from then on
    leave_out_missing: bool = False  # also where some videos could not be embedded: they leave search
    batch_size: int | None = None  # clips per encoder batch; default by device


@dataclass(frozen=True)
class ReembedSummary:
    """Counts of the videos searchable at its begin: ``videos = embedded + missing``, whichever run embedded them."""

    encoder: EncoderInfo
    before: EncoderInfo  # who answered when it began
    promoted: bool  # ``encoder`` answers now
    videos: int
    embedded: int
    missing: int
    reasons: dict[str, int]  # of those that are missing
    files: dict[str, str]  # path -> why, of the first of them
    indexed: IndexedCounts  # what a search by ``encoder`` has to find
    new_videos: int = 0  # embedded in this run
    new_reports: int = 0
    encoder_batches: int = 0
    index_writes: int = 0
    cut_reports: int = 0  # searchable, though the encoder does not read all of their text
    quarantined_reports: int = 0  # their text ended the process that read it
    unread_texts: bool = False  # reports are linked that this encoder, without a vocabulary, cannot read
    slow_index: bool = False  # the disk has no room for what makes searches fast
    seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    bottleneck: str = ""


def reembed(
    archive: Archive, options: ReembedOptions, on_progress: Callable[[Progress], None] = lambda _: None
) -> ReembedSummary:
    """Embed by the archive's encoder in use all that another has embedded, and let it answer.

    Raises EmptyArchive where nothing was ever ingested, ArchiveLocked when an ingest runs, StoreUnreachable when a
    store goes away: what was committed stays, run again.
    """
    with single_ingest(archive.engine), Reembedding(archive, options, on_progress) as run:
        run.embed_all(run.waiting())
        with run.clock.stage("reports"):
            run.new_reports = encode_reports(run)
        return run.finish()


def drop(archive: Archive, name: str) -> tuple[EncoderInfo, int]:
    """Delete an encoder's vectors in both stores; return the encoder and how many videos it had.

    ``name``: the encoder's, its folder's in HOME, or the start of its fingerprint. Raises InputError, ArchiveLocked,
    StoreUnreachable.
    """
    if not is_text(name):
        raise InputError("the encoder's name is not UTF-8 text: echosearch status lists the encoders")
    with single_ingest(archive.engine):
        with archive.engine.begin() as connection:
            encoder_id, encoder = _one_of(generation.encoders_named(connection, name), name)
            if encoder == generation.active_encoder(connection):
                raise InputError(f"{encoder} answers the queries: only another's vectors can be dropped")
            videos = generation.delete_generation(connection, encoder_id)
        for kind in KINDS:  # killed before or in this: the same command does the rest
            archive.index.drop(archive.collection(kind, encoder))
        return encoder, videos


def _one_of(named: Sequence[tuple[int, EncoderInfo]], name: str) -> tuple[int, EncoderInfo]:
    if len(named) == 1:
        return named[0]
    if not named:
        raise InputError(f"no encoder called {name!r} has made vectors here: echosearch status lists those that have")
    listed = ", ".join(encoder.folder for _, encoder in named)
    raise InputError(f"{len(named)} encoders are called {name!r}: give one of {listed}")


class Reembedding(Work):
    """One re-embedding. The ledger stays as it is until the promotion: its files are indexed, by the encoder before."""

    view_classifier = None  # they are known from the ingest
    fills_batches = True  # the bits of a vector do not depend on whether workers had a share in it

    def __init__(self, archive: Archive, options: ReembedOptions, on_progress: Callable[[Progress], None]) -> None:
        super().__init__(archive, options.batch_size, on_progress)
        self.options = options
        self.reasons: Counter[str] = Counter()
        self.files: dict[str, str] = {}
        self._others: dict[int, list[Admitted]] = {}  # file under way -> the same video in its copies
        self._copies: list[Admitted] = []  # of files that gave no vector

    def __enter__(self) -> Self:
        with self.archive.engine.begin() as connection:
            before = generation.active_encoder(connection) if generation.has_vectors(connection) else None
            if before is None:
                raise EmptyArchive("there is nothing to embed again: run echosearch ingest FOLDER first")
            self.before = before
            self.before_id = generation.register_encoder(connection, before)
            self.encoder_id = generation.register_encoder(connection, self.archive.encoder_info)
            generation.begin_generation(connection, self.encoder_id)
            self.found = count_unembedded(connection, self.encoder_id, self.before_id)[1]
        return self

    def embed_all(self, videos: Iterator[Admitted]) -> None:
        """Decode, embed and store these videos, each by a copy of its file where that gives no vector."""
        upcoming: Iterator[Admitted] | None = videos
        while upcoming is not None:
            for batch in encoded(self, decoded(self, upcoming)):
                self.store(batch)
            upcoming = self._next_copies()

    def waiting(self) -> Iterator[Admitted]:
        """Yield the videos to decode."""
        return self.waiting_in(ALL_STUDIES)

    def waiting_in(self, studies: StudyRange) -> Iterator[Admitted]:
        """Yield the videos to decode, study by study, each by the first of its files that is unchanged."""
        last = None
        while True:
            with self.clock.stage("walk"), self.archive.engine.connect() as connection:
                videos = unembedded(connection, self.encoder_id, self.before_id, last, BATCH, studies)
            if not videos:
                return
            for video in videos:
                whole = [
                    Admitted(replace(one, attempts=1), video.video_key, video.study_key, needs_decoding=True)
                    for one in video.files
                    if is_unchanged(one.file)
                ]
                if whole:
                    yield self._first_of(whole)
                elif video.files:
                    self.settle_refused([(video.files[0], _gone(video.files[0]))])
                else:
                    self.reasons[Reason.CHANGED] += 1  # an ingest found another file in its place, and did not end
                    self.advance(1)
            last = videos[-1]

    def _first_of(self, holding: Sequence[Admitted]) -> Admitted:
        """Return the first file that holds a video; the others are remembered until it has given a vector."""
        if holding[1:]:
            self._others[holding[0].claimed.id] = list(holding[1:])
        return holding[0]

    def _next_copies(self) -> Iterator[Admitted] | None:
        """Return the next copies of files that gave no vector, None if there are none."""
        copies, self._copies = self._copies, []
        return iter(copies) if copies else None

    def settle_refused(self, outcomes: Sequence[tuple[Claimed, Skipped | Quarantined]]) -> None:
        for claimed, outcome in outcomes:
            if others := self._others.pop(claimed.id, None):
                self._copies.append(self._first_of(others))
                continue
            self.advance(1)
            self.reasons[str(outcome.reason)] += 1
            if len(self.files) < NAMED:
                self.files[str(claimed.file.path)] = f"{outcome.reason}: {outcome.detail}"

    def claim_again(self, claimed: Claimed) -> Claimed:
        return replace(claimed, attempts=claimed.attempts + 1)

    def store(self, batch: Sequence[Embedded]) -> None:
        with self.writing() as connection:
            rows = [(each.video.video_key, each.video.study_key, each.vector) for each in batch]
            put_vectors(connection, self.encoder_id, rows)
        for each in batch:
            self._others.pop(each.video.claimed.id, None)
        self.new_videos += len(batch)
        self.advance(len(batch))

    def fill_index(self, promote: bool) -> int:
        """Send what is due to the index; how many points. Before a promotion all of it is set against Postgres: that of
        an earlier generation is not looked after, and may have been lost with its folder."""
        given = (self.archive.encoder_info, self.encoder_id)
        relay(self.archive, self.before, self.before_id)  # first, as its files are indexed when it has them
        sent = relay(self.archive, *given)
        promote = promote and self.before_id != self.encoder_id
        if promote:
            with self.archive.engine.begin() as connection:
                found = compare_index(self.archive, connection, *given, repair=True)
            sent += sum(one.counts["strangers"] for one in found)
            sent += relay(self.archive, *given)
        if sent or promote:
            made = [self.archive.index.optimize(self.archive.collection(kind)) for kind in KINDS]
            self.slow_index = not all(made)
        self.fold_stale()
        return sent

    def finish(self) -> ReembedSummary:
        """Fill the index, promote where that is wanted and nothing is missing that must not be, and sum up."""
        with self.archive.engine.connect() as connection:
            videos, missing = count_unembedded(connection, self.encoder_id, self.before_id)
        whole = missing == 0 or (self.options.leave_out_missing and missing < videos)
        promoted = self.options.promote and whole
        with self.clock.stage("relay"):
            sent = self.fill_index(promoted)
        with self.archive.engine.begin() as connection:
            if promoted:
                generation.activate(connection, self.encoder_id)
                hand_over_files(connection, self.encoder_id)
            texts = report_counts(connection, self.encoder_id)
            return ReembedSummary(
                encoder=self.archive.encoder_info,
                before=self.before,
                promoted=promoted,
                videos=videos,
                embedded=videos - missing,
                missing=missing,
                reasons=dict(self.reasons.most_common()),
                files=self.files,
                indexed=contents(connection, self.encoder_id),
                cut_reports=texts.cut,
                quarantined_reports=texts.quarantined,
                **self.tally(sent),
            )


def _gone(claimed: Claimed) -> Quarantined:
    if is_unchanged(claimed.file) is None:
        return Quarantined(Reason.UNREADABLE, "it is not where it was when it was ingested")
    return Quarantined(Reason.CHANGED, "it is not as it was when it was ingested: ingest its folder first")
