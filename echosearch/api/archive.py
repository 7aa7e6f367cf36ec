"""An open archive: ingest, search, and the vectors themselves. Prints nothing; its errors are those of errors.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import echosearch.archive as composition
from echosearch.api.arguments import PathLike, check_ingest, example_names, optional_path, search_options
from echosearch.api.cohorts import Cohorts
from echosearch.api.hits import Hits
from echosearch.api.probes import Probes
from echosearch.errors import ArchiveError, InputError
from echosearch.index.base import PointKind
from echosearch.insight.disagree import Against, Disagreements, disagree
from echosearch.insight.interpret import Interpretation, interpret
from echosearch.insight.shortcuts import MAX_STUDIES, Shortcuts, shortcuts
from echosearch.preview.store import Previews
from echosearch.report.facts import ChangeKind, load_lexicon
from echosearch.search.ask import ask
from echosearch.search.changes.asked import KINDS, asked_change, month_since
from echosearch.search.changes.changed import ChangedPairs, changed
from echosearch.search.changes.timeline import Timeline, timeline
from echosearch.search.query import query_text
from echosearch.search.reports import find_reports
from echosearch.search.results import Group
from echosearch.search.similar import similar
from echosearch.search.stored_vectors import VectorTable, stored_vectors
from echosearch.settings import Settings, load_settings
from echosearch.video import VIEW_GATE

if TYPE_CHECKING:
    from ingest.options import IngestSummary
    from ingest.progress import Progress

__all__ = ["OpenArchive", "open_archive"]


def open_archive(
    home: PathLike | None = None,
    *,
    database_url: str | None = None,
    qdrant_url: str | None = None,
    qdrant_api_key: str | None = None,
    encoder: PathLike | None = None,
    device: str | None = None,
) -> OpenArchive:
    """Open an archive, and make it if there is none: with both URLs on servers, else embedded under ``home``.

    ``encoder`` is a bundle folder or the name of a shipped one, for this archive as long as it is open; without it the
    encoder that `echosearch encoder use` chose. What is not given is read from the ECHOSEARCH_ variables.

    Raises ConfigError, StoreUnreachable.
    """
    given = {
        "home": home,
        "database_url": database_url,
        "qdrant_url": qdrant_url,
        "qdrant_api_key": qdrant_api_key,
        "encoder": encoder,
        "device": device,
    }
    return OpenArchive(load_settings(**{name: value for name, value in given.items() if value is not None}))


class OpenArchive:
    """An open archive; make it with open_archive, close it with ``close`` or by leaving ``with``.

    Several archives may be open in one process, one at a time of each embedded home. Use an archive from one thread.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._resources = ExitStack()
        self._archive: composition.Archive | None = self._resources.enter_context(composition.open_archive(settings))

    def __enter__(self) -> OpenArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"OpenArchive(home={str(self._settings.home)!r}{', closed' if self._archive is None else ''})"

    def close(self) -> None:
        """Let go of the stores; the embedded PostgreSQL ends with its last user. Closing twice does nothing."""
        self._archive = None
        self.__dict__.pop("previews", None)
        self._resources.close()

    def ingest(
        self,
        folder: PathLike,
        *,
        reports: PathLike | None = None,
        views: PathLike | None = None,
        sidecar: PathLike | None = None,
        encoding: str | None = None,
        replace: bool = False,
        secondary_capture: bool = False,
        retry_quarantined: bool = False,
        batch_size: int | None = None,
        on: Literal["ray", "workers"] | None = None,
        workers: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestSummary:
        """Bring everything under ``folder`` into the archive, as `echosearch ingest` does; safe to run again.

        ``encoding`` is that of the tables, where it cannot be found out; ``replace`` lets reports replace good texts by
        texts without any known word. ``on`` shares the work out to workers on a Ray cluster, or to processes, of which
        ``workers`` are started (docs/scale.md); this process is their driver. ``progress`` is called after each step
        with what is done so far. The summary counts what became of every file.
        Raises InputError, TableError, NoEncoder, EncoderMismatch, ArchiveLocked, StoreUnreachable.
        """
        from ingest.jobs.ingest_on import PLACES, ingest_on
        from ingest.options import IngestOptions
        from ingest.pipeline import ingest

        check_ingest((folder, reports, views, sidecar), encoding, batch_size)
        if on not in (None, *PLACES) or (on is None and workers is not None):
            raise InputError(f"on {on!r}, workers {workers}: on is one of {', '.join(PLACES)}, and workers go with it")
        options = IngestOptions(
            reports=optional_path(reports),
            views=optional_path(views),
            sidecar=optional_path(sidecar),
            encoding=encoding,
            replace=replace,
            secondary_capture=secondary_capture,
            retry_quarantined=retry_quarantined,
            batch_size=batch_size,
        )
        watch = progress or (lambda _: None)
        if on is not None:
            return ingest_on(on, workers, self._opened, Path(folder), options, watch)
        return ingest(self._opened, Path(folder), options, watch)

    def search(
        self,
        text: str,
        *,
        view: str | None = None,
        where: str | None = None,
        top_k: int = 10,
        group: Group = "study",
        min_view_prob: float = VIEW_GATE,
        include_denied: bool = False,
        rescore: bool = False,
        as_typed: bool = False,
        exact: bool = False,
        identified: bool = False,
    ) -> Hits:
        """Find the studies (or videos, patients) that answer ``text``, as `echosearch query` does.

        What was understood is in ``hits.results``; why a hit is there is in ``hit.why``. ``include_denied`` also gives
        studies whose report says otherwise. ``rescore`` scores the first 200 studies again by their videos, each as
        far as its view tells of the finding. ``as_typed`` ranks by the vector of the text as it is, not understood.
        ``where`` is a condition such as "age >= 65 and sex = F" (docs/search.md); ``identified`` adds identifiers.
        Raises InputError, WhereError, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
        """
        options = search_options(
            where,
            view,
            top_k=top_k,
            group=group,
            min_view_prob=min_view_prob,
            include_denied=include_denied,
            rescore=rescore,
            exact=exact,
            identified=identified,
        )
        return Hits((query_text if as_typed else ask)(self._opened, text, options))

    def similar(
        self,
        target: PathLike,
        *,
        also: str | None = None,
        like: Iterable[PathLike] = (),
        unlike: Iterable[PathLike] = (),
        view: str | None = None,
        where: str | None = None,
        top_k: int = 10,
        group: Group = "study",
        min_view_prob: float = VIEW_GATE,
        include_same_patient: bool = False,
        exact: bool = False,
        identified: bool = False,
    ) -> Hits:
        """Find the studies whose videos look like those of a study, or like one file, as `echosearch similar` does.

        ``target`` is a study key, a StudyInstanceUID, an accession number, or the path of a file; ``like`` are more
        examples, averaged with it, and ``unlike`` examples of what hits must not look like. ``also`` is asked in
        words, as ``search`` understands them: "MRなし"; then ``hit.why`` says what the report states of it.
        Raises UnknownStudy, FileRefused, and what ``search`` raises.
        """
        options = search_options(
            where,
            view,
            top_k=top_k,
            group=group,
            min_view_prob=min_view_prob,
            include_same_patient=include_same_patient,
            exact=exact,
            identified=identified,
        )
        more, less = (example_names(name, given) for name, given in (("like", like), ("unlike", unlike)))
        return Hits(similar(self._opened, os.fspath(target), options, also=also, like=more, unlike=less))

    def reports(
        self,
        target: PathLike,
        *,
        where: str | None = None,
        top_k: int = 10,
        exact: bool = False,
        identified: bool = False,
    ) -> Hits:
        """Find the reports that fit the videos of a study, or one file, best, as `echosearch report` does.

        Their texts come with ``identified`` only. Raises what ``similar`` raises.
        """
        options = search_options(where, None, top_k=top_k, exact=exact, identified=identified)
        return Hits(find_reports(self._opened, os.fspath(target), options), of_reports=True)

    def timeline(self, target: str, *, identified: bool = False) -> Timeline:
        """Return a patient's studies in order: reports, measurements, and the change of the videos from study to study.

        ``target`` is one of the studies, named as for ``similar``, a patient key or a patient id. ``identified`` adds
        identifiers, dates and days; else there are months alone.
        Raises UnknownStudy, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
        """
        return timeline(self._opened, target, names=identified)

    def changed(
        self,
        name: str,
        *,
        change: ChangeKind = "new",
        within: str | None = None,
        since: str | None = None,
        top_k: int = 10,
        identified: bool = False,
    ) -> ChangedPairs:
        """Rank pairs of consecutive studies by how much their videos differ in one finding, as `echosearch changed`.

        ``name`` is a finding or a measurement, ``change`` is "new", "gone", "worse", "better", "falls" or "rises",
        ``within`` a period such as "2y" or "6m", and ``since`` the month of the later study, such as "2020-04".
        Raises InputError, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
        """
        if change not in KINDS.values():
            raise InputError(f"change {change!r}: it is one of {', '.join(KINDS.values())}")
        asked = asked_change(change, name, within, load_lexicon(self._settings.lexicon))
        month = None if since is None else month_since(since)
        return changed(self._opened, asked, since=month, top_k=top_k, names=identified)

    def interpret(self, target: PathLike, *, identified: bool = False) -> Interpretation:
        """Read findings off a study's videos, or a file's, as `echosearch interpret` does; raises what similar does."""
        return interpret(self._opened, os.fspath(target), names=identified)

    def disagree(
        self, finding: str | None = None, *, against: Against = "videos", top_k: int = 20, identified: bool = False
    ) -> Disagreements:
        """Rank studies whose report is surprising given their videos, or their "sr". Raises what ``search`` raises."""
        return disagree(self._opened, finding=finding, against=against, top_k=top_k, names=identified)

    def audit_shortcuts(self, *, studies: int = MAX_STUDIES) -> Shortcuts:
        """Measure how far study vectors tell vendor, device, year and sex. Raises EmptyArchive, EncoderMismatch."""
        return shortcuts(self._opened, studies=studies)

    def vectors(self, studies: Iterable[str] | None = None, *, of: PointKind = "studies") -> VectorTable:
        """Return the encoder's raw outputs, (N, D) float32 with their ids: of all that is indexed, or of ``studies``.

        ``of`` is "studies" (a mean vector each), "videos" or "reports". Studies are named as for ``similar``; their
        rows come in that order, all others in the order of their keys. N x D x 4 bytes are held in memory.
        Raises InputError, UnknownStudy, EmptyArchive, EncoderMismatch, NoEncoder, StoreUnreachable.
        """
        if isinstance(studies, str):
            raise InputError("studies is one string: give a list of them")
        return stored_vectors(self._opened, None if studies is None else list(studies), of)

    def contours(self, target: PathLike, *, view: Literal["4CH", "2CH"] | None = None) -> dict[str, Any]:
        """Draw the left ventricle's contour on a video of the archive or a file, as `echosearch contour --json` does.

        ``view`` is a file's: by default what the view classifier in use says. Raises InputError, FileRefused.
        """
        from echosearch.contour.as_json import document
        from echosearch.contour.store import contours_of_target

        named = os.fspath(target)
        made = contours_of_target(self._opened, named, self.previews.workers(), view)
        return document([(named, made)])

    def import_contours(self, *paths: PathLike, name_files: bool = False) -> dict[str, Any]:
        """Import the left ventricle's masks of DICOM SEG files or folders, as `echosearch contour import --json` does.

        ``contours`` gives them from then on. ``name_files``: name the refused files of folders too. Raises InputError
        if a path does not exist.
        """
        from echosearch.contour.as_json import import_json
        from echosearch.contour.imported import import_segmentations

        given = [Path(path) for path in paths]
        return import_json(import_segmentations(self._opened, given, self.previews.workers(), name_files))

    def forget_contours(self, *videos: str) -> list[str]:
        """Remove the imported contours of these videos, and return their keys. Raises InputError if one has none."""
        from echosearch.contour.imported import forget_imported

        return forget_imported(self._opened, videos)

    @property
    def cohorts(self) -> Cohorts:
        """The archive's cohorts: saved criteria whose studies can be counted, frozen, compared and exported."""
        return Cohorts(self._opened)

    @cached_property
    def previews(self) -> Previews:
        """The masked previews of the archive's videos: ``previews.find(video_key)`` gives one, making it if need be."""
        return self._resources.enter_context(Previews(self._opened))

    @property
    def _opened(self) -> composition.Archive:
        if self._archive is None:
            raise ArchiveError(f"the archive in {self._settings.home} is closed: open it again with open_archive")
        return self._archive

    @property
    def probes(self) -> Probes:
        """The archive's probes: readings of findings and values that were fitted to labels."""
        return Probes(self._opened)
