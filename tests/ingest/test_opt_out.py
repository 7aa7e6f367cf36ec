"""A patient who opts out: nothing of them is left in either store, and nothing of them comes back."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.cohort.definition import define
from echosearch.cohort.export import export_cohort
from echosearch.cohort.run import reading
from echosearch.cohort.snapshot import difference, freeze
from echosearch.cohort.store import save_definition
from echosearch.db.cohorts.reviews import ReviewRow, put_reviews
from echosearch.db.files.status import archive_counts, why
from echosearch.errors import InputError, TableError, UnknownStudy
from echosearch.index.base import KINDS
from echosearch.preview.folder import preview_folder
from echosearch.report.facts import load_lexicon
from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions
from ingest.opt_out import WhoOptsOut, erase_people, plan_opt_out, read_list, take_back_opt_outs
from ingest.options import IngestOptions, IngestSummary
from ingest.pipeline import ingest
from ingest.reembed import ReembedOptions, reembed
from ingest.verify import verify
from tests.ingest.conftest import Export
from tests.ingest.test_reembed import by
from tests.ingest.test_sr import write_sr

IDS = {n: f"0004711081500{n}" for n in range(1, 10)}  # long: a key or a digest is not to hold one by chance
TEXTS = {"1.2.392.1": "重度MR。左室拡大。", "1.2.392.2": "重度MR。AF。", "1.2.392.3": "MRなし。"}
# tables that hold nothing of studies, patients or reports, or only numbers of all of them
UNCONCERNED = {
    *("core.alembic_version", "core.archive", "core.encoder", "core.generation", "core.index_count"),
    *("core.ingest_run", "core.opt_out", "core.outbox", "core.stale_link", "core.stale_study", "core.study_bits"),
    *("core.source_file", "core.cohort", "core.cohort_snapshot", "core.cohort_member", "phi.run", "phi.source_path"),
}


def run(archive: Archive, export: Export, reports: Path | None = None) -> IngestSummary:
    return ingest(archive, export.root, IngestOptions(reports=reports))


def of_id(*ids: str, everyone: bool = False) -> WhoOptsOut:
    return WhoOptsOut(tuple((one, f"PATIENT_ID {n}") for n, one in enumerate(ids, 1)), everyone=everyone)


def table(path: Path, rows: list[dict[str, str]]) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def ward(archive: Archive, export: Export, tmp_path: Path) -> Export:
    """Three patients of one study each, with reports, a measurement, a copy of a file, a verdict and a preview."""
    for n in (1, 2, 3):
        uid = f"1.2.392.{n}"
        for video in (1, 2):
            export.cine(
                f"ST{n}/IM{video}", f"{uid}.{video}", study=uid, patient=IDS[n], seed=10 * n + video,
                AccessionNumber=f"ACC{n}",
            )  # fmt: skip
    export.put("ST1/COPY", (export.root / "ST1/IM1").read_bytes(), "DUPLICATE")
    write_sr(export.root / "ST1/SR", "32", "1.2.392.1", IDS[1])
    rows = [{"study_uid": uid, "report_text": said} for uid, said in TEXTS.items()]
    run(archive, export, table(tmp_path / "reports.csv", rows))
    with archive.engine.begin() as connection:
        study = archive.keyring.study("1.2.392.1")
        put_reviews(connection, "cohort/mr", "[]", [ReviewRow(study, "sato", "accept", "CANARY reason")])
    return export


def found(archive: Archive, query: str) -> set[str]:
    return {hit.study for hit in ask(archive, query, SearchOptions(top_k=50)).hits}


def rows_naming(archive: Archive, values: set[str]) -> dict[str, int]:
    """Table -> how many of its rows hold one of these values anywhere, of all tables."""
    counts = {}
    with archive.engine.connect() as connection:
        tables = connection.execute(
            text("select schemaname, tablename from pg_tables where schemaname in ('core', 'phi', 'access')")
        ).all()
        for schema, name in tables:
            count = connection.scalar(
                text(
                    f"select count(*) from {schema}.{name} t where exists"
                    " (select from unnest(cast(:values as text[])) v where position(v in cast(t.* as text)) > 0)"
                ),
                {"values": sorted(values)},
            )
            if count:
                counts[f"{schema}.{name}"] = int(count)
    return counts


def everything_of(archive: Archive, n: int) -> set[str]:
    """Every identifier, pseudonym and text of a patient of the ward."""
    ring, uid = archive.keyring, f"1.2.392.{n}"
    with archive.engine.connect() as connection:
        reports = connection.scalars(
            text("select cast(report_key as text) from phi.report where study_uid = :uid"), {"uid": uid}
        ).all()
    return {
        *(uid, IDS[n], f"ACC{n}", TEXTS[uid], *reports, "CANARY reason"),
        *(ring.study(uid), ring.patient("", IDS[n]), ring.video(f"{uid}.1"), ring.video(f"{uid}.2")),
    }


def test_nothing_is_left_of_a_patient_who_opts_out(archive: Archive, ward: Export) -> None:
    one, two = archive.keyring.study("1.2.392.1"), archive.keyring.study("1.2.392.2")
    named = everything_of(archive, 1)
    assert found(archive, "重度MR") == {one, two}
    assert {"phi.patient", "phi.report", "core.video", "core.fact", "core.sr_value", "phi.review"} <= {
        *rows_naming(archive, named)
    }
    assert ask(archive, "重度MR", SearchOptions()).total == 2

    summary = erase_people(archive, of_id(IDS[1]))

    assert (summary.patients, summary.new, summary.here, summary.studies, summary.videos, summary.reports) == (
        1, 1, 1, 1, 2, 1,
    )  # fmt: skip
    assert summary.files == 4  # two cines, a copy, a structured report
    assert found(archive, "重度MR") == {two}
    answered = ask(archive, "重度MR", SearchOptions())
    assert answered.total == 1
    assert ask(archive, "EF 40%未満", SearchOptions()).total == 0  # the measurement
    # the registry has pseudonyms; source_path the paths of the export's files, which this tool does not name
    assert set(rows_naming(archive, named)) <= {"core.opt_out", "core.stale_study", "core.stale_link"}
    checked = verify(archive)
    assert checked.clean
    assert all(one.points == due for one, due in zip(checked.collections, (4, 2, 2), strict=True))
    with archive.engine.connect() as connection:
        counts = archive_counts(connection)
    assert (counts.indexed, counts.reasons["OPTED_OUT"]) == (4, 4)


def test_every_table_was_looked_at(archive: Archive, ward: Export) -> None:
    """A table that is new must be erased from, or be named here as one that holds nothing of a patient."""
    held = rows_naming(archive, everything_of(archive, 1))
    with archive.engine.connect() as connection:
        filled = {
            f"{schema}.{name}"
            for schema, name in connection.execute(
                text("select schemaname, tablename from pg_tables where schemaname in ('core', 'phi')")
            ).all()
            if connection.scalar(text(f"select exists (select from {schema}.{name})"))
        }
    assert filled - set(held) - UNCONCERNED <= {"phi.word", "phi.report_words"}  # words are of all reports together


def test_words_are_counted_without_the_report(archive: Archive, ward: Export) -> None:
    def reports_with(word: str) -> int:
        with archive.engine.connect() as connection:
            return int(
                connection.scalar(text("select coalesce(sum(reports), 0) from phi.word where word = :w"), {"w": word})
            )

    assert (reports_with(""), reports_with("AF".lower())) == (3, 1)
    erase_people(archive, of_id(IDS[2]))
    assert (reports_with(""), reports_with("AF".lower())) == (2, 0)


def test_their_files_and_reports_do_not_come_back(archive: Archive, ward: Export, tmp_path: Path) -> None:
    erase_people(archive, of_id(IDS[1]))
    named = everything_of(archive, 1) - {"CANARY reason"}
    ward.cine("LATER/NEW", "1.2.392.9.1", study="1.2.392.9", patient=IDS[1], seed=77)
    ward.cine("LATER/ISSUED", "1.2.392.10.1", study="1.2.392.10", patient=IDS[1], seed=78, IssuerOfPatientID="B")
    ward.cine("LATER/UNNAMED", "1.2.392.1.9", study="1.2.392.1", patient="", seed=79)
    write_sr(ward.root / "LATER/SR", "25", "1.2.392.9", IDS[1])
    rows = [
        {"study_uid": "1.2.392.1", "report_text": TEXTS["1.2.392.1"]},  # of an erased study
        {"study_uid": "1.2.392.9", "report_text": "TR 重度 CANARYNEW"},  # of a study that was never here
        {"accession_number": "ACC1", "patient_id": IDS[1], "report_text": "CANARYNEW"},
        {"accession_number": "ACC1", "report_text": "CANARYNEW"},
        {"patient_id": IDS[1], "study_date": "2024-03-14", "report_text": "CANARYNEW"},
        {"study_uid": "1.2.392.3", "report_text": "MRなし。追記。"},
    ]
    summary = run(archive, ward, table(tmp_path / "again.csv", rows))
    assert (summary.new_videos, summary.reasons["OPTED_OUT"]) == (0, 4 + 4)
    assert summary.opted_out_reports == 4  # the one of 1.2.392.9 is erased when its file is refused
    left = rows_naming(archive, named | {"CANARYNEW", "1.2.392.9", "1.2.392.10"})
    assert set(left) <= {"core.opt_out", "core.stale_study", "core.stale_link"}
    assert verify(archive).clean
    # a second time, now that the study is known to be refused
    assert run(archive, ward, table(tmp_path / "again.csv", rows)).opted_out_reports == 5


def test_a_patient_who_is_not_here_yet_is_refused_when_files_come(archive: Archive, export: Export) -> None:
    summary = erase_people(archive, of_id(IDS[5]))
    assert (summary.patients, summary.here, summary.studies) == (1, 0, 0)
    export.cine("IM", "1.5.1", study="1.5", patient=IDS[5])
    assert run(archive, export).reasons == {"OPTED_OUT": 1}


def test_a_study_whose_patient_becomes_known_later_goes_whole(archive: Archive, export: Export) -> None:
    erase_people(archive, of_id(IDS[5]))
    export.cine("A", "1.5.1", study="1.5", patient="", seed=1)
    assert run(archive, export).indexed == 1  # it names nobody
    export.cine("B", "1.5.2", study="1.5", patient=IDS[5], seed=2)
    assert run(archive, export).reasons == {"OPTED_OUT": 2}
    assert verify(archive).clean
    assert set(rows_naming(archive, {archive.keyring.study("1.5"), archive.keyring.video("1.5.1")})) <= {
        "core.opt_out", "core.stale_study", "core.stale_link",
    }  # fmt: skip


def test_an_opt_out_is_taken_back(archive: Archive, ward: Export, tmp_path: Path) -> None:
    erase_people(archive, of_id(IDS[1], IDS[2]))
    assert erase_people(archive, of_id(IDS[1])).new == 0  # a list may be given again
    assert take_back_opt_outs(archive, of_id(IDS[1])) == 1
    rows = [{"study_uid": uid, "report_text": said} for uid, said in TEXTS.items()]
    summary = run(archive, ward, table(tmp_path / "reports.csv", rows))
    assert (summary.indexed, summary.reasons["OPTED_OUT"], summary.opted_out_reports) == (4, 2, 1)
    assert found(archive, "重度MR") == {archive.keyring.study("1.2.392.1")}
    assert take_back_opt_outs(archive, WhoOptsOut(study="1.2.392.2")) == 1  # its rows are gone, its UID is known
    assert run(archive, ward).indexed == 6


def test_one_of_several_with_the_same_id(archive: Archive, export: Export, tmp_path: Path) -> None:
    export.cine("A", "1.1.1", study="1.1", patient=IDS[7], seed=1, IssuerOfPatientID="A", AccessionNumber="A1")
    export.cine("B", "1.2.1", study="1.2", patient=IDS[7], seed=2, IssuerOfPatientID="B", AccessionNumber="B1")
    run(archive, export)
    with pytest.raises(InputError, match=r"^PATIENT_ID 1: several patients of the archive have this id") as refused:
        erase_people(archive, of_id(IDS[7]))
    assert IDS[7] not in str(refused.value)
    assert erase_people(archive, WhoOptsOut(study="1.1")).studies == 1
    rows = [
        {"accession_number": "A1", "patient_id": IDS[7], "report_text": "MR"},  # whose it is nobody can say
        {"study_uid": "1.2", "patient_id": IDS[7], "report_text": "TR"},
    ]
    summary = run(archive, export, table(tmp_path / "reports.csv", rows))
    assert (summary.indexed, summary.opted_out_reports) == (1, 1)
    assert summary.reports is not None
    assert summary.reports.linked == 1
    export.cine("C", "1.3.1", study="1.3", patient=IDS[7], seed=3, IssuerOfPatientID="A")
    assert run(archive, export).reasons == {"OPTED_OUT": 2}
    assert erase_people(archive, of_id(IDS[7], everyone=True)).studies == 1


def test_an_id_without_its_zeros_opts_nobody_out(archive: Archive, ward: Export, tmp_path: Path) -> None:
    file = table(
        tmp_path / "optout.csv", [{"patient_id": IDS[3], "氏名": "CANARY"}, {"patient_id": IDS[1].lstrip("0")}]
    )
    listed = WhoOptsOut(read_list(file, None))
    with pytest.raises(InputError, match=r"optout\.csv, line 3: a patient has this id with zeros in front"):
        erase_people(archive, listed)
    assert plan_opt_out(archive, of_id(IDS[3])).studies == 1  # nobody was: all of a list or none
    assert erase_people(archive, replace(listed, as_written=True)).studies == 1


def test_a_row_without_an_id_is_refused(tmp_path: Path) -> None:
    file = table(tmp_path / "optout.csv", [{"patient_id": IDS[3], "name": "x"}, {"patient_id": "", "name": "y"}])
    with pytest.raises(TableError, match="line 3, column patient_id: empty"):
        read_list(file, None)


def test_a_study_that_is_not_here_is_refused(archive: Archive, ward: Export) -> None:
    with pytest.raises(UnknownStudy):
        erase_people(archive, WhoOptsOut(study="9.9"))


def test_a_plan_changes_nothing(archive: Archive, ward: Export) -> None:
    plan = plan_opt_out(archive, of_id(IDS[1], IDS[2], IDS[9]))
    assert (plan.patients, plan.here, plan.studies, plan.videos, plan.reports) == (3, 2, 2, 4, 2)
    assert len(found(archive, "重度MR")) == 2


def test_a_frozen_cohort_stays_as_it_is_and_shows_nobody_who_opted_out(
    archive: Archive, ward: Export, tmp_path: Path
) -> None:
    with reading(archive) as connection:
        made = define("mr", "重度MR", load_lexicon(archive.settings.lexicon))
        save_definition(archive, connection, made)
    with reading(archive) as connection:
        frozen = freeze(archive, connection, "mr")[0]
    assert frozen.members == 2
    summary = erase_people(archive, of_id(IDS[1]))
    assert (summary.frozen_members, summary.frozen_cohorts) == (1, 1)
    with reading(archive) as connection:
        written = export_cohort(archive, connection, "mr@1", tmp_path / "mr.csv")  # its SHA-256 still fits
        assert (written.studies, written.patients, written.opted_out) == (1, 1, 1)
        changed = difference(archive, connection, "mr@1")
        assert (changed.stayed, changed.causes["left"]) == (1, {"opted out": 1})
    assert archive.keyring.study("1.2.392.1") not in (tmp_path / "mr.csv").read_text(encoding="utf-8")


def test_previews_and_points_of_every_encoder_go(archive: Archive, ward: Export) -> None:
    key = archive.keyring.video("1.2.392.1.1")
    folder = preview_folder(archive.settings).root / key[:2]
    folder.mkdir(parents=True)
    kept = folder / f"{key}.made-by-hand.json"
    kept.write_text("{}", encoding="utf-8")
    other = by(archive, "retrained")
    reembed(other, ReembedOptions(promote=False))
    of_patient = {*everything_of(archive, 1)}
    erase_people(archive, of_id(IDS[1]))
    assert not kept.exists()
    for encoder in (archive.encoder.id, other.encoder.id):  # that answers, and that is to answer next
        for kind in KINDS:
            keys = {point.key for point in archive.index.scroll(archive.collection(kind, encoder), whole=True)}
            assert keys
            assert not keys & of_patient


def test_a_file_of_who_has_opted_out_says_so(archive: Archive, ward: Export) -> None:
    erase_people(archive, of_id(IDS[1]))
    with archive.engine.connect() as connection:
        status = why(connection, archive.keyring.path((ward.root / "ST1/IM1").resolve()))
    assert status is not None
    assert (status.state, status.reason, status.video, status.study) == ("skipped", "OPTED_OUT", None, None)
