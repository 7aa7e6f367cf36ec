"""Files that disagree, agree after all, or were corrected at their source: the archive follows what they say now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select, text

from echosearch.db.admission.admit import Admitted, admit
from echosearch.db.admission.conflicts import forget_conflicts
from echosearch.db.files.ledger import settle
from echosearch.db.schema.tables import Embedding, PhiPatient, PhiStudy, SourceFile, Study, StudyEmbedding, Video
from echosearch.db.vectors import outbox
from echosearch.db.vectors.write import put_video_vectors, withdraw_videos
from echosearch.outcome import Quarantined, Reason
from echosearch.vector import from_bytes
from echosearch.video import VideoHeader, View, ViewLabel
from tests.db.admission.test_admission import outcomes, study_vectors
from tests.db.conftest import KEYRING, Ledger, header, vector_of


def put(ledger: Ledger, videos: list[Admitted], sop: str) -> int:
    with ledger.engine.begin() as connection:
        rows = [(video.claimed.id, video.video_key, video.study_key, vector_of(sop)) for video in videos]
        return put_video_vectors(connection, ledger.encoder_id, ledger.run_id, rows)


def read_again(ledger: Ledger, name: str, now: VideoHeader) -> list[Admitted]:
    """The file of that name is claimed once more, and says this by now."""
    with ledger.engine.begin() as connection:
        videos, _ = admit(connection, KEYRING, ledger.encoder_id, [(ledger.claim(connection, name), now)])
    return videos


def due(engine: Engine) -> dict[str, set[str]]:
    """Collection -> keys that the index must be told of; then it has been."""
    with engine.begin() as connection:
        rows = connection.execute(text("delete from core.outbox returning collection, cast(key as text)")).all()
    return {collection: {row[1] for row in rows if row[0] == collection} for collection in {row[0] for row in rows}}


def whose(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {
            row.study_key: row.patient_key for row in connection.execute(select(Study.study_key, Study.patient_key))
        }


def test_a_conflict_reaches_a_file_that_is_being_decoded(engine: Engine, ledger: Ledger) -> None:
    waiting, _ = ledger.admit(header("1.1"))
    ledger.admit(header("1.1", pixels=b"other"))
    other, _ = ledger.admit(header("2.1", study="2"))
    assert put(ledger, [*waiting, *other], "1.1") == 1
    assert outcomes(engine) == [("quarantined", "UID_CONFLICT")] * 2 + [("embedded", None)]
    with engine.connect() as connection:
        assert connection.scalars(select(Embedding.video_key)).all() == [KEYRING.video("2.1")]


@pytest.mark.parametrize(
    "others",
    [
        {"issuer": "HOSP", "patient": ""},  # a DICOM file or an mp4 that names nobody
        {"issuer": "", "patient": "0007"},  # an mp4, or a machine that leaves the issuer out
        {"issuer": "", "patient": ""},
    ],
)
@pytest.mark.parametrize("surest_first", [True, False])
def test_a_file_that_says_less_belongs_to_its_studys_patient(
    engine: Engine, ledger: Ledger, others: dict[str, Any], surest_first: bool
) -> None:
    files = [header("1.1", issuer="HOSP"), header("1.2", **others)]
    for file in files if surest_first else reversed(files):
        ledger.store(file)
    assert outcomes(engine) == [("embedded", None)] * 2
    assert whose(engine) == {KEYRING.study("1.2.3"): KEYRING.patient("HOSP", "0007")}
    with engine.connect() as connection:
        named = connection.execute(
            select(PhiPatient.issuer, PhiPatient.patient_id).join(
                PhiStudy, PhiStudy.patient_key == PhiPatient.patient_key
            )
        ).all()
    assert [tuple(row) for row in named] == [("HOSP", "0007")]


def test_what_is_learned_of_a_patient_reaches_the_index(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1", patient="", age_years=None, sex=None))
    due(engine)
    ledger.store(header("1.2"))
    told = due(engine)
    assert told["videos"] == {KEYRING.video("1.1"), KEYRING.video("1.2")}
    assert told["studies"] == {KEYRING.study("1.2.3")}
    with engine.connect() as connection:
        row = connection.execute(text("select age, sex from core.study")).one()
    assert tuple(row) == (71, "F")


@pytest.mark.parametrize("other", [{"patient": "0008"}, {"issuer": "ELSEWHERE"}])
def test_two_patients_are_still_two(engine: Engine, ledger: Ledger, other: dict[str, Any]) -> None:
    ledger.store(header("1.1", issuer="HOSP"))
    ledger.store(header("1.2", **({"issuer": "HOSP"} | other)))
    assert outcomes(engine) == [("quarantined", "PATIENT_CONFLICT")] * 2


def test_a_later_file_fills_in_what_the_first_did_not_say(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1", age_years=None, study_date=None, sex=None))
    ledger.store(header("2.1", study="2", sex=None, age_years=None))
    due(engine)
    ledger.store(header("1.2", accession_number="A1"))
    with engine.connect() as connection:
        study = connection.execute(
            select(Study.age, Study.month).where(Study.study_key == KEYRING.study("1.2.3"))
        ).one()
        phi = connection.execute(
            select(PhiStudy.accession_number, PhiStudy.study_date).where(PhiStudy.study_uid == "1.2.3")
        ).one()
    assert tuple(study) == (71, 202403)
    assert (phi.accession_number, str(phi.study_date)) == ("A1", "2024-03-14")
    # sex and age are the study's own: the patient's other study does not have them from this one
    assert due(engine)["studies"] == {KEYRING.study("1.2.3")}


def test_the_same_again_tells_the_index_nothing(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    due(engine)
    ledger.store(header("2.1", study="2"))
    assert due(engine) == {"videos": {KEYRING.video("2.1")}, "studies": {KEYRING.study("2")}}


def test_a_video_that_was_another_studys_moves(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"), header("1.2"))
    videos = read_again(ledger, "IM_0000", header("1.1", study="9", patient="0009"))
    assert [video.needs_decoding for video in videos] == [True]
    put(ledger, videos, "1.1")
    vectors = study_vectors(engine)
    assert np.array_equal(vectors[KEYRING.study("1.2.3")], vector_of("1.2"))
    assert np.array_equal(vectors[KEYRING.study("9")], vector_of("1.1"))
    assert whose(engine)[KEYRING.study("9")] == KEYRING.patient("", "0009")
    with engine.connect() as connection:
        of = {row.video_key: row.study_key for row in connection.execute(select(Video.video_key, Video.study_key))}
    assert of[KEYRING.video("1.1")] == KEYRING.study("9")


def test_what_the_index_filters_by_is_sent_when_it_changes(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"), header("1.2"))
    due(engine)
    now = header("1.1", device="Vivid E95", view=ViewLabel(View.CH4, 1.0, "csv"))
    assert [video.needs_decoding for video in read_again(ledger, "IM_0000", now)] == [False]
    assert due(engine)["videos"] == {KEYRING.video("1.1")}


def test_a_file_with_new_pixels_is_not_in_conflict_with_itself(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    ledger.admit(header("1.1"))  # a copy of what it was
    videos = read_again(ledger, "IM_0000", header("1.1", pixels=b"corrected"))
    assert [video.needs_decoding for video in videos] == [True]
    put(ledger, videos, "new")
    # the copy is not one any more: it is looked at again, and is then the other side of a conflict
    assert outcomes(engine) == [("embedded", None), ("registered", None)]
    with engine.connect() as connection:
        assert np.array_equal(from_bytes(connection.scalars(select(Embedding.vector)).one()), vector_of("new"))
    read_again(ledger, "IM_0001", header("1.1"))
    assert outcomes(engine) == [("quarantined", "UID_CONFLICT")] * 2


def test_a_copy_is_looked_at_again_when_its_original_fails(engine: Engine, ledger: Ledger) -> None:
    (video,), _ = ledger.admit(header("1.1"), header("1.1"))
    with engine.begin() as connection:
        settle(connection, [(video.claimed.id, Quarantined(Reason.UNREADABLE))])
    assert outcomes(engine) == [("quarantined", "UNREADABLE"), ("registered", None)]
    put(ledger, read_again(ledger, "IM_0001", header("1.1")), "1.1")
    assert outcomes(engine)[1] == ("embedded", None)


def test_a_corrected_study_comes_back_when_its_conflict_is_forgotten(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    ledger.store(header("1.2", patient="0008"))
    ledger.store(header("2.1", study="2"))
    with engine.begin() as connection:
        assert forget_conflicts(connection, lambda path: True) == 2
    assert outcomes(engine) == [("registered", None)] * 2 + [("embedded", None)]
    for name, sop in (("IM_0000", "1.1"), ("IM_0001", "1.2")):  # it was the other one's after all
        put(ledger, read_again(ledger, name, header(sop, patient="0008")), sop)
    assert outcomes(engine) == [("embedded", None)] * 3
    assert whose(engine)[KEYRING.study("1.2.3")] == KEYRING.patient("", "0008")


def test_what_still_disagrees_is_in_conflict_again(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    ledger.store(header("1.1", pixels=b"other"))
    with engine.begin() as connection:
        forget_conflicts(connection, lambda path: True)
    put(ledger, read_again(ledger, "IM_0000", header("1.1")), "1.1")
    read_again(ledger, "IM_0001", header("1.1", pixels=b"other"))
    assert outcomes(engine) == [("quarantined", "UID_CONFLICT")] * 2


def test_a_file_that_is_gone_contradicts_nobody(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    ledger.store(header("1.1", pixels=b"other"))
    with engine.begin() as connection:
        assert forget_conflicts(connection, lambda path: path == Path("/root/IM_0000")) == 1
    put(ledger, read_again(ledger, "IM_0000", header("1.1")), "1.1")
    assert outcomes(engine) == [("embedded", None), ("quarantined", "UID_CONFLICT")]


def test_what_changes_while_the_index_is_written_stays_due(engine: Engine, ledger: Ledger) -> None:
    """A study whose only video is withdrawn and replaced in that time: its generation begins at 1 again."""
    ledger.store(header("1.1"))
    with engine.begin() as connection:
        sent = outbox.take_due(connection, ledger.encoder_id, "studies", 10)
        withdraw_videos(connection, [KEYRING.video("1.1")])
    ledger.store(header("1.2"))
    with engine.begin() as connection:
        outbox.done(connection, ledger.encoder_id, "studies", sent)
        again = outbox.take_due(connection, ledger.encoder_id, "studies", 10)
        assert connection.scalars(select(StudyEmbedding.indexed_gen)).all() == [None]
    assert [(item.key, item.gen) for item in sent] == [(item.key, item.gen) for item in again]
    assert sent[0].vector != again[0].vector
    with engine.begin() as connection:
        outbox.done(connection, ledger.encoder_id, "studies", again)
        assert outbox.take_due(connection, ledger.encoder_id, "studies", 10) == []
        assert connection.scalars(select(StudyEmbedding.indexed_gen)).all() == [1]
        assert connection.scalars(select(SourceFile.state)).all() == ["embedded"] * 2


def test_a_file_that_is_being_read_again_is_no_side_of_a_conflict_about_what_it_was(
    engine: Engine, ledger: Ledger
) -> None:
    """It was claimed before another file disputed its video, and turns out to be another one."""
    ledger.store(header("1.1"), header("1.2"))
    with engine.begin() as connection:
        again = ledger.claim(connection, "IM_0000")
    _, settled = ledger.admit(header("1.1", pixels=b"other"))
    assert {how.reason for _, how in settled} == {Reason.UID_CONFLICT}
    with engine.begin() as connection:
        videos, settled = admit(connection, KEYRING, ledger.encoder_id, [(again, header("1.3"))])
        assert [video.video_key for video in videos] == [KEYRING.video("1.3")]
        state, reason, claimed_by = connection.execute(
            text("select state, reason, claimed_by from core.source_file where id = :id"), {"id": again.id}
        ).one()
    assert (state, reason, claimed_by) == ("admitted", None, ledger.run_id)
