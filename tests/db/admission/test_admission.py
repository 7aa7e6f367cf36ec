"""Duplicates, conflicts, and what the archive keeps of an admitted video."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, select, text

from echosearch.db.admission.admit import admit
from echosearch.db.admission.study_owner import StudyOwner
from echosearch.db.files.ledger import settle
from echosearch.db.schema.tables import Embedding, Outbox, Patient, SourceFile, Study, StudyEmbedding, Video
from echosearch.db.studies.view_labels import put_view_labels
from echosearch.db.vectors.write import put_video_vectors
from echosearch.outcome import Quarantined, Reason
from echosearch.vector import from_bytes, mean_vector
from echosearch.video import View, ViewLabel
from tests.db.conftest import KEYRING, Ledger, header, vector_of


def outcomes(engine: Engine) -> list[tuple[str, str | None]]:
    with engine.connect() as connection:
        rows = connection.execute(select(SourceFile.state, SourceFile.reason).order_by(SourceFile.id))
        return [(row.state, row.reason) for row in rows]


def study_vectors(engine: Engine) -> dict[str, np.ndarray]:
    with engine.connect() as connection:
        rows = connection.execute(select(StudyEmbedding.study_key, StudyEmbedding.vector))
        return {row.study_key: from_bytes(row.vector) for row in rows}


def test_rows_are_pseudonymous_and_coarse(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1", age_years=97))
    with engine.connect() as connection:
        study = connection.execute(select(Study.__table__)).one()
        everything = " ".join(
            str(tuple(row))
            for table in ("patient", "study", "video", "source_file", "embedding", "outbox")
            for row in connection.execute(text(f"select * from core.{table}"))
        )
    assert (study.month, study.age) == (202403, 90)
    for secret in ("0007", "1.2.3'", "'1.1'", "Yamada", "/root"):
        assert secret not in everything


def test_same_bytes_or_same_pixels_are_a_duplicate(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    ledger.admit(header("1.1"), header("1.1", sex="M"))  # a copy, and a re-export with another header
    assert outcomes(engine) == [("embedded", None), ("skipped", "DUPLICATE"), ("skipped", "DUPLICATE")]


def test_a_copy_within_one_batch_is_a_duplicate(engine: Engine, ledger: Ledger) -> None:
    videos, settled = ledger.admit(header("1.1"), header("1.1"))
    assert len(videos) == 1
    assert [outcome.reason for _, outcome in settled] == [Reason.DUPLICATE]


def test_one_uid_with_two_contents_quarantines_both(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"), header("1.2"))
    before = study_vectors(engine)
    ledger.admit(header("1.1", pixels=b"other"))
    ledger.admit(header("1.1", pixels=b"a third"))
    conflict = ("quarantined", "UID_CONFLICT")
    assert outcomes(engine) == [conflict, ("embedded", None), conflict, conflict]
    after = study_vectors(engine)
    key = KEYRING.study("1.2.3")
    assert not np.array_equal(before[key], after[key])
    assert np.array_equal(after[key], vector_of("1.2"))  # the disputed video is out of the mean
    with engine.connect() as connection:
        rows = connection.execute(select(Outbox.key, Outbox.op).where(Outbox.collection == "videos"))
        ops = {row.key: row.op for row in rows}
    assert ops == {KEYRING.video("1.1"): "delete", KEYRING.video("1.2"): "upsert"}


def test_two_contents_in_one_batch(engine: Engine, ledger: Ledger) -> None:
    videos, _ = ledger.admit(header("1.1"), header("1.1", pixels=b"other"))
    assert videos == []
    ledger.admit(header("1.1"))
    assert outcomes(engine) == [("quarantined", "UID_CONFLICT")] * 3


def test_one_study_of_two_patients_is_quarantined_whole(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"), header("1.2"), header("9.1", study="9"))
    ledger.admit(header("1.3", patient="0008"))
    ledger.admit(header("1.4"))
    conflict = ("quarantined", "PATIENT_CONFLICT")
    assert outcomes(engine) == [conflict, conflict, ("embedded", None), conflict, conflict]
    assert set(study_vectors(engine)) == {KEYRING.study("9")}


def test_two_patients_in_the_first_batch_of_a_study(engine: Engine, ledger: Ledger) -> None:
    ledger.admit(header("1.1"), header("1.2", patient="0008"))
    ledger.admit(header("1.3"))
    assert outcomes(engine) == [("quarantined", "PATIENT_CONFLICT")] * 3


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_files_of_two_contents_still_name_a_patient(
    engine: Engine, ledger: Ledger, order: tuple[int, ...], batch: int
) -> None:
    made = [header("1.1", patient="0008"), header("1.1", patient="0008", pixels=b"other"), header("1.2")]
    given = [made[place] for place in order]
    for start in range(0, 3, batch):
        ledger.admit(*given[start : start + batch])
    assert {state for state, _ in outcomes(engine)} == {"quarantined"}
    with engine.connect() as connection:
        assert connection.scalars(text("select study_key from core.study where conflict")).all()


def test_a_conflict_leaves_the_others_of_its_batch_alone(engine: Engine, ledger: Ledger) -> None:
    given = [header("1.1"), header("2.1", study="2"), header("1.1", pixels=b"other"), header("1.1", pixels=b"a third")]
    videos, settled = ledger.admit(*given)
    assert [video.video_key for video in videos] == [KEYRING.video("2.1")]
    assert [outcome.reason for _, outcome in settled] == [Reason.UID_CONFLICT] * 3
    assert outcomes(engine)[1] == ("admitted", None)


def test_patients_without_an_id_are_not_one_patient(engine: Engine, ledger: Ledger) -> None:
    ledger.admit(header("1.1", study="1", patient=""), header("2.1", study="2", patient=""))
    with engine.connect() as connection:
        assert len(connection.execute(select(Patient.patient_key)).all()) == 2


def test_a_good_copy_takes_the_place_of_one_that_would_not_decode(engine: Engine, ledger: Ledger) -> None:
    videos, _ = ledger.admit(header("1.1", pixels=b"damaged"))
    with engine.begin() as connection:
        settle(connection, [(videos[0].claimed.id, Quarantined(Reason.DECODE_FAILED))])
    ledger.store(header("1.1"))
    assert outcomes(engine) == [("quarantined", "DECODE_FAILED"), ("embedded", None)]


def test_resuming_after_a_death_needs_no_second_decode(engine: Engine, ledger: Ledger) -> None:
    """The vector was committed, the claim too: inspected again, the file is simply embedded."""
    ledger.store(header("1.1"))
    with engine.begin() as connection:
        connection.execute(text("update core.source_file set state = 'registered'"))
        claims = [(ledger.claim(connection, "IM_0000"), header("1.1"))]
        videos, settled = admit(connection, KEYRING, ledger.encoder_id, claims)
    assert [video.needs_decoding for video in videos] == [False]
    assert settled == []
    assert outcomes(engine) == [("embedded", None)]


def test_a_study_in_two_halves_has_the_same_vector(engine: Engine, ledger: Ledger) -> None:
    headers = [header(f"1.{i}") for i in range(7)]
    ledger.store(*headers[4:])
    ledger.store(*headers[:4])
    halves = study_vectors(engine)[KEYRING.study("1.2.3")]
    whole = mean_vector([vector_of(each.sop_uid) for each in sorted(headers, key=lambda h: KEYRING.video(h.sop_uid))])
    assert np.array_equal(halves, whole)


def test_the_study_mean_is_of_gated_views_and_follows_new_labels(engine: Engine, ledger: Ledger) -> None:
    with engine.begin() as connection:
        put_view_labels(
            connection,
            [
                (KEYRING.video("1.1"), ViewLabel(View.CH4, 0.95, "csv")),
                (KEYRING.video("1.2"), ViewLabel(View.CH2, 0.89, "csv")),
                (KEYRING.video("1.3"), ViewLabel(View.OTHER, 0.99, "csv")),
            ],
        )
    ledger.store(header("1.1"), header("1.2"), header("1.3"), header("1.4"))
    key = KEYRING.study("1.2.3")
    assert np.array_equal(study_vectors(engine)[key], vector_of("1.1"))
    with engine.begin() as connection:
        changed = put_view_labels(connection, [(KEYRING.video("1.4"), ViewLabel(View.LAX, 1.0, "csv"))])
        same = put_view_labels(connection, [(KEYRING.video("1.4"), ViewLabel(View.LAX, 1.0, "csv"))])
    assert (changed, same) == (1, 0)
    expected = mean_vector([vector_of(sop) for sop in sorted(["1.1", "1.4"], key=KEYRING.video)])
    assert np.array_equal(study_vectors(engine)[key], expected)


def test_without_labels_the_mean_is_of_all_and_says_so(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"), header("1.2"))
    with engine.connect() as connection:
        row = connection.execute(select(StudyEmbedding.gated, StudyEmbedding.n_videos)).one()
    assert tuple(row) == (False, 2)


def test_labels_by_path_and_from_a_sidecar(engine: Engine, ledger: Ledger) -> None:
    path_key = KEYRING.path(Path("/root/IM_0000"))
    with engine.begin() as connection:
        put_view_labels(connection, [(path_key, ViewLabel(View.SAX, 0.9, "csv", "PSAX"))])
    ledger.store(
        header("1.1", view=ViewLabel(View.CH4, 1.0, "csv")), header("1.2", view=ViewLabel(View.CH4, 0.5, "csv"))
    )
    with engine.connect() as connection:
        views = {row.video_key: row.view for row in connection.execute(select(Video.video_key, Video.view))}
    assert views == {KEYRING.video("1.1"): "SAX", KEYRING.video("1.2"): "4CH"}


def test_writing_the_same_vector_twice_changes_nothing(engine: Engine, ledger: Ledger) -> None:
    videos = ledger.store(header("1.1"))
    with engine.begin() as connection:
        connection.execute(text("delete from core.outbox"))
        put_video_vectors(
            connection,
            ledger.encoder_id,
            ledger.run_id,
            [(videos[0].claimed.id, videos[0].video_key, videos[0].study_key, vector_of("1.1"))],
        )
        assert connection.execute(select(Outbox.id)).all() == []
        assert connection.scalars(select(Embedding.gen)).all() == [1]


def test_dates_stay_in_phi(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1", birth_date=date(1953, 1, 2)))
    with engine.connect() as connection:
        row = connection.execute(text("select birth_date, study_date from phi.study")).one()
    assert tuple(row) == (date(1953, 1, 2), date(2024, 3, 14))


def test_a_conflict_leaves_the_rest_of_its_batch_alone(engine: Engine, ledger: Ledger) -> None:
    admitted, refused = ledger.admit(
        header("1.1", pixels=b"a"), header("1.1", pixels=b"b"), header("9.1", study="9.9", patient="0009")
    )
    assert [video.video_key for video in admitted] == [KEYRING.video("9.1")]
    assert len(refused) == 2


def test_a_mean_without_a_direction_is_no_study_vector(engine: Engine, ledger: Ledger) -> None:
    one = vector_of("1.1")
    ledger.store(header("1.1"), header("1.2"), vectors={"1.1": one, "1.2": -one})
    assert study_vectors(engine) == {}


def test_a_studys_owner_prints_no_identifier() -> None:
    owner = StudyOwner("9d2c", "HIS", "0007")
    assert repr(owner) == "StudyOwner('9d2c')"
    assert repr(replace(owner, conflict=True)) == "StudyOwner('9d2c', conflict)"
