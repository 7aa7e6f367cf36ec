"""The stages between a walked file and a written vector; pipeline.py strings them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from echosearch.batch import batched
from echosearch.clip import Clip
from echosearch.db import Connection
from echosearch.db.admission.admit import Admitted, admit
from echosearch.db.admission.opt_outs import refuse_opted_out
from echosearch.db.files import ledger
from echosearch.db.files.backing import settle_refused
from echosearch.db.files.key_locks import Concerned
from echosearch.db.files.measurements import put_measurements
from echosearch.db.opt_out.registry import NamedFile
from echosearch.db.studies.view_labels import put_view_probabilities
from echosearch.db.vectors.write import put_video_vectors
from echosearch.encoder_info import ViewProbabilities
from echosearch.outcome import FileState, Measured, Outcome, Quarantined, Reason, Skipped
from echosearch.source_file import Claimed, FoundFile
from echosearch.vector import Vectors, is_usable
from echosearch.video import VideoHeader
from echosearch.workers.jobs import TimedOut, WorkerDied
from echosearch.workers.tasks import Clips, ClipTask, InspectTask, inspect, load_clips
from ingest.progress import Stage
from ingest.run import Run
from ingest.work import Work

__all__ = ["Embedded", "admitted", "claimed", "decoded", "encoded", "inspected", "unfinished", "written"]

KNOWN = 1000  # files looked up in the ledger at a time
CPU_BATCH, GPU_BATCH = 8, 64  # clips

T = TypeVar("T")
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Embedded:
    """A video with its vector and view probabilities."""

    video: Admitted
    vector: Vectors  # (D,) raw
    views: ViewProbabilities | None


def unfinished(run: Run, files: Iterator[FoundFile]) -> Iterator[FoundFile]:
    """Yield files that are new, changed, or unfinished; the others cost one look-up a thousand."""
    again = {FileState.REGISTERED, FileState.ADMITTED} | (
        {FileState.QUARANTINED} if run.options.retry_quarantined else set()
    )
    for batch in batched(files, KNOWN):
        with run.archive.engine.connect() as connection:
            known = ledger.states(connection, run.archive.keyring, batch)
        kept = 0
        for found in batch:
            state, unchanged = known.get(run.archive.keyring.path(found.path), (FileState.REGISTERED, False))
            if unchanged and state not in again:
                kept += 1
            else:
                yield found
        run.advance(kept)


def claimed(run: Run, files: Iterator[FoundFile]) -> Iterator[Claimed]:
    """Yield claims, committed before any worker touches the files."""
    for group in batched(files, run.group):
        with run.writing() as connection:
            claims = ledger.claim(connection, run.archive.keyring, run.id, group)
        yield from claims


def inspected(run: Run, files: Iterator[Claimed]) -> Iterator[tuple[Claimed, Outcome]]:
    """Yield each file's header, or the reason why it has none; read in the workers."""

    def task(claim: Claimed) -> InspectTask:
        path = claim.file.path
        return InspectTask(path, run.archive.settings.issuer, run.identity(path), run.options.secondary_capture)

    # in the order of the walk: of two copies it is always the first that is kept
    yield from _attempted(run, "headers", inspect, files, task, lambda claim: claim, lambda _, again: again)


def admitted(run: Run, files: Iterator[tuple[Claimed, Outcome]]) -> Iterator[Admitted]:
    """Yield videos whose rows are written, to be decoded. All other files are settled here."""
    for group in batched(files, run.group):
        videos = _admit(run, group)
        to_decode = [video for video in videos if video.needs_decoding]
        run.advance(len(group) - len(to_decode))
        yield from to_decode


def _admit(run: Run, group: Sequence[tuple[Claimed, Outcome]]) -> list[Admitted]:
    keyring = run.archive.keyring
    headers = [(claim, outcome) for claim, outcome in group if isinstance(outcome, VideoHeader)]
    refused = [(claim.id, outcome) for claim, outcome in group if isinstance(outcome, Skipped | Quarantined)]
    named = [_named(claim, outcome) for claim, outcome in group if isinstance(outcome, VideoHeader | Measured)]

    def write(connection: Connection) -> list[Admitted]:
        opted_out = refuse_opted_out(connection, keyring, named)
        others = [(file_id, outcome) for file_id, outcome in refused if file_id not in opted_out]
        settle_refused(connection, [*others, *((file_id, Skipped(Reason.OPTED_OUT)) for file_id in opted_out)])
        measured = {file_id: outcome for file_id, outcome in others if isinstance(outcome, Measured)}
        put_measurements(connection, keyring, measured)
        taken = [(claim, header) for claim, header in headers if claim.id not in opted_out]
        videos, _ = admit(connection, keyring, run.encoder_id, taken, run.sight)
        return videos

    concerned = Concerned(
        [claim.id for claim, _ in group],
        {keyring.video(header.sop_uid) for _, header in headers},
        {keyring.study(header.study_uid) for _, header in headers},
    )
    return run.write(concerned, write)


def _named(claim: Claimed, outcome: VideoHeader | Measured) -> NamedFile:
    accession = outcome.accession_number if isinstance(outcome, VideoHeader) else ""
    return NamedFile(claim.id, outcome.study_uid, outcome.patient_id, outcome.issuer, accession)


def decoded(run: Work, videos: Iterator[Admitted]) -> Iterator[tuple[Admitted, Clips]]:
    """Yield the clips that the models want, decoded in the workers."""

    def task(video: Admitted) -> ClipTask:
        found, views = video.claimed.file, run.view_classifier
        spec, view_spec = run.archive.encoder.clip_spec, views.clip_spec if views is not None else None
        decord = run.archive.settings.decord
        return ClipTask(found.path, video.video_key, spec, found.size, found.mtime_ns, view_spec, decord)

    results = _attempted(run, "decode", load_clips, videos, task, lambda video: video.claimed, Admitted.claimed_again)
    for video, result in results:
        if isinstance(result, Clips):
            yield video, result
        else:
            run.settle_refused([(video.claimed, result)])


def encoded(run: Work, clips: Iterator[tuple[Admitted, Clips]]) -> Iterator[list[Embedded]]:
    """Yield batches across studies, embedded; row i of the vectors belongs to clip i."""
    first = next(clips, None)
    if first is None:
        return  # nothing new: the encoder is not even loaded
    clips = chain([first], clips)
    size = run.batch_size or (GPU_BATCH if run.archive.on_gpu else CPU_BATCH)
    for batch in batched(clips, size):
        videos = [video for video, _ in batch]
        # a row's last bits depend on how many rows are computed with it: a short batch behind whole ones is filled up
        missing = size - len(batch) if run.fills_batches or run.encoder_batches else 0
        with run.clock.stage("encode"):
            filled = [clips.video for _, clips in batch] + [batch[-1][1].video] * missing
            vectors = run.archive.encoder.encode_clips(filled)[: len(batch)]
            views = _classified(run, [clips.view for _, clips in batch])
        run.encoder_batches += 1
        made = [Embedded(*each) for each in zip(videos, vectors, views, strict=True)]
        bad = Quarantined(Reason.BAD_VECTOR, "the encoder gave a zero or non-finite vector")
        run.settle_refused([(each.video.claimed, bad) for each in made if not is_usable(each.vector)])
        yield [each for each in made if is_usable(each.vector)]


def _classified(run: Work, clips: list[Clip | None]) -> list[ViewProbabilities | None]:
    if run.view_classifier is None:
        return [None] * len(clips)
    return [*run.view_classifier.classify([clip for clip in clips if clip is not None])]


def written(run: Run, batches: Iterator[list[Embedded]]) -> Iterator[int]:
    """Write vectors, study means and outbox rows, a transaction a batch; yield how many."""
    for batch in batches:
        if not batch:
            continue
        run.new_videos += _write(run, batch)
        run.advance(len(batch))
        yield len(batch)


def _write(run: Run, batch: Sequence[Embedded]) -> int:
    views = [(each.video.video_key, each.views) for each in batch if each.views is not None]
    vectors = [(each.video.claimed.id, each.video.video_key, each.video.study_key, each.vector) for each in batch]

    def write(connection: Connection) -> int:
        put_view_probabilities(connection, views)
        return put_video_vectors(connection, run.encoder_id, run.id, vectors)

    file_ids, videos, studies, _ = zip(*vectors, strict=True)
    return run.write(Concerned(file_ids, videos, studies), write)


def _attempted(
    run: Work,
    stage: Stage,
    function: Callable[[Task], Result],
    items: Iterable[T],
    task_of: Callable[[T], Task],
    claim_of: Callable[[T], Claimed],
    again: Callable[[T, Claimed], T],
) -> Iterator[tuple[T, Result]]:
    """Run ``function`` on each item in the workers. If a worker dies, its item is tried once more, at the end."""
    under_way: dict[int, T] = {}

    def tasks(pending: Iterable[T]) -> Iterator[Task]:
        for item in pending:
            task = task_of(item)
            under_way[id(task)] = item
            yield task

    died: list[T] = []
    while True:
        # Headers go before clips: while a group of them is read and admitted, clips are left to decode.
        headers = stage == "headers"
        results = run.pool.map(function, tasks(items), ordered=headers, first=headers)
        for task, result in run.clock.pulling(stage, results):
            item = under_way.pop(id(task))
            if not isinstance(result, WorkerDied | TimedOut):
                yield item, result
            elif claim_of(item).attempts < ledger.MAX_ATTEMPTS:
                died.append(again(item, run.claim_again(claim_of(item))))
            else:
                run.settle_refused([(claim_of(item), _blame(result))])
        if not died:
            return
        items, died = died, []


def _blame(end: WorkerDied | TimedOut) -> Quarantined:
    if isinstance(end, TimedOut):
        return Quarantined(Reason.DECODER_TIMEOUT, f"{end.limit} limit met {ledger.MAX_ATTEMPTS} times")
    return Quarantined(Reason.DECODER_CRASH, f"{end.detail}, {ledger.MAX_ATTEMPTS} times")
