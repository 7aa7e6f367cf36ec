"""The archive and what fills it: `echosearch ingest`, `status`, `verify`, `reembed`, `index`."""

from __future__ import annotations

from pydantic import BaseModel

from echosearch.db.files.contradictions import Contradictions
from echosearch.db.files.jobs import OpenJob
from echosearch.db.files.runs import LastRun
from echosearch.db.files.status import ArchiveCounts, FileStatus, LeftOutFile
from echosearch.db.upkeep.comparison import Differences
from echosearch.db.vectors.generation import GenerationCount, IndexedCounts
from echosearch.encoder_info import EncoderInfo
from ingest.jobs.leased import WorkSummary
from ingest.opt_out import OptOutSummary
from ingest.options import IngestSummary
from ingest.recall import Recall
from ingest.reembed import ReembedSummary
from ingest.site_plan import SitePlan
from ingest.verify import Rebuilt, VerifyReport
from shapes.base import CLOSED, OPTIONAL, Commands, Key, closed, closed_of

__all__ = ["COMMANDS"]


class UnmatchedReport(BaseModel):
    model_config = CLOSED
    report: Key
    problem: str
    study_uid: str | None = OPTIONAL
    accession_number: str | None = OPTIONAL
    patient_id: str | None = OPTIONAL
    study_date: str | None = OPTIONAL


class DryFile(BaseModel):
    model_config = CLOSED
    path: str
    taken_for: str


_COLLECTION = closed_of("Collection", Differences, but=("foreign_ids",), strangers=tuple[str, ...])


class Verified(closed_of("verify", VerifyReport, but=("collections",), clean=bool, differences=int)):  # type: ignore[misc]
    collections: list[_COLLECTION]  # type: ignore[valid-type]
    recall: list[Recall] = OPTIONAL  # with --recall


COMMANDS: Commands = {
    "ingest": ("echosearch ingest --json", IngestSummary),
    "ingest-dry-run": (
        "echosearch ingest --dry-run --json",
        closed("dry_run", files=list[DryFile], counts=dict[str, int]),
    ),
    "opt-out": ("echosearch opt-out --yes --json", OptOutSummary),
    "opt-out-dry-run": (
        "echosearch opt-out --dry-run --json",
        closed("opt_out_dry_run", patients=int, here=int, studies=int, videos=int, reports=int),
    ),
    "opt-out-undo": ("echosearch opt-out --undo --json", closed("opt_out_undo", taken_back=int)),
    "plan": ("echosearch plan --json", SitePlan),
    "receive": (
        "echosearch receive --json",
        closed(
            "receive",
            stored=int,
            again=int,
            bytes=int,
            refused=dict[str, int],
        ),
    ),
    "reembed": ("echosearch reembed --json", ReembedSummary),
    "work": ("echosearch work --job N --json", WorkSummary),
    "status": (
        "echosearch status --json",
        closed_of(
            "status",
            ArchiveCounts,
            IndexedCounts,
            encoder=EncoderInfo | None,
            cut_reports=int,
            quarantined_reports=int,
            contradictions=Contradictions,
            jobs=list[OpenJob],
            worker_protections=list[str],
            other_encoders=list[GenerationCount],
            points_due=dict[str, int],
            last_run=LastRun | None,
        ),
    ),
    "status-why": (
        "echosearch status --why FILE --json",
        closed_of("why", FileStatus, path=str, meaning=str | None),
    ),
    "status-files": (
        "echosearch status --files REASON --json",
        closed("files", files=list[LeftOutFile]),
    ),
    "status-unmatched": (
        "echosearch status --unmatched --json",
        closed("unmatched", reports=list[UnmatchedReport]),
    ),
    "verify": (
        "echosearch verify --json",
        Verified,
    ),
    "index-rebuild": ("echosearch index rebuild --json", Rebuilt),
    "index-drop": (
        "echosearch index drop --json",
        closed("drop", encoder=EncoderInfo, videos=int),
    ),
}
