"""Contours of an archive's videos: drawn once, kept with the head's fingerprint, forgotten with the content."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from echosearch.archive import Archive
from echosearch.cli.main import cli
from echosearch.contour.head import ContourHead
from echosearch.contour.store import contours_of_video, file_of_video, pictures
from echosearch.contour.values import NoFigure
from echosearch.db.files.contours import contour_of
from echosearch.errors import InputError
from echosearch.workers.pool import DecodePool
from tests.cli.json_schema import check_json
from tests.contour.conftest import Heart, key_of


def test_contours_are_drawn_once_and_kept(filled: Archive, head: ContourHead, pool: DecodePool) -> None:
    key = key_of(filled, "4CH")
    made = contours_of_video(filled, key, head, pool)
    kept = contours_of_video(filled, key, head, None)  # type: ignore[arg-type]  # no worker is asked
    assert (kept.figure, kept.beats, kept.view, kept.head) == (made.figure, made.beats, made.view, made.head)
    assert made.outlines is not None
    assert kept.outlines is not None
    assert np.abs(kept.outlines - made.outlines).max() < 1e-4
    with filled.engine.connect() as connection:
        row = connection.execute(text("select ef, no_figure, head from core.contour")).one()
        assert connection.scalar(text("select count(*) from core.sr_value")) == 0  # a source of its own
    assert made.figure is not None
    assert row.ef == made.figure.ef
    assert row.head == head.info.fingerprint


def test_another_head_or_other_content_has_none(filled: Archive, head: ContourHead, pool: DecodePool) -> None:
    key = key_of(filled, "2CH")
    contours_of_video(filled, key, head, pool)
    with filled.engine.connect() as connection:
        assert contour_of(connection, key, head.info.fingerprint) is not None
        assert contour_of(connection, key, "0" * 64) is None
        connection.execute(text("update core.video set content_digest = 'x' where video_key = :key"), {"key": key})
        assert contour_of(connection, key, head.info.fingerprint) is None
        connection.rollback()


def test_what_cannot_be_measured_is_said_and_not_stored(filled: Archive, head: ContourHead, pool: DecodePool) -> None:
    sax, colour = key_of(filled, "SAX"), key_of(filled, "4CH", "color")
    assert contours_of_video(filled, sax, head, pool).no_figure == NoFigure.VIEW
    assert contours_of_video(filled, colour, head, pool).no_figure == NoFigure.COLOUR
    with filled.engine.connect() as connection:
        assert contour_of(connection, sax, head.info.fingerprint) is None


@pytest.mark.parametrize("key", ["3f2a9c01", "3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d"])
def test_a_key_of_no_video_is_refused(key: str, filled: Archive, head: ContourHead, pool: DecodePool) -> None:
    with pytest.raises(InputError, match="no video of key"):
        contours_of_video(filled, key, head, pool)


def test_the_table_takes_an_ef_or_a_reason_and_not_both(filled: Archive) -> None:
    wrong = text(
        "insert into core.contour (video_key, head, content_digest, view, ef, no_figure, found)"
        " select video_key, 'x', content_digest, '4CH', 50, 'beats', '{}' from core.video limit 1"
    )
    with pytest.raises(IntegrityError), filled.engine.begin() as connection:
        connection.execute(wrong)


def test_pictures_are_within_the_fan_in_the_order_asked_for(
    filled: Archive, pool: DecodePool, heart: Heart, head: ContourHead
) -> None:
    task = file_of_video(filled, key_of(filled, "4CH"))
    late, early = pictures(task, (20, 3), pool)
    again = pictures(task, (3,), pool)[0]
    assert np.array_equal(early, again)
    assert not np.array_equal(late, early)
    assert early[0, 0].max() == 0  # the corner is outside of it


def ask(*args: str, home: Path) -> str:
    done = CliRunner().invoke(cli, args, env={"ECHOSEARCH_HOME": str(home)}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    check_json(args, done.stdout)
    return done.stdout


def test_the_command_measures_a_file_and_draws_its_ends(heart: Heart, tmp_path: Path) -> None:
    png = tmp_path / "ends.png"
    said = ask("contour", str(heart["4CH"]), "--view", "4CH", "--picture", str(png), home=tmp_path)
    head_line, line = said.splitlines()
    assert head_line.split("\t")[:3] == ["cine", "view", "ef"]
    assert line.split("\t")[1] == "4CH"
    drawn = cv2.imread(str(png))
    assert drawn is not None
    assert drawn.shape[1] > 600
    yellow = (drawn[..., 2] > 200) & (drawn[..., 1] > 160) & (drawn[..., 0] < 120)
    assert yellow.sum() > 300
    assert not (tmp_path / "qdrant").exists()  # a file needs no archive


def test_the_command_prints_json_with_the_warning(heart: Heart, tmp_path: Path) -> None:
    found = json.loads(ask("contour", str(heart["4CH"]), "--view", "4CH", "--json", home=tmp_path))
    assert found["source"] == "contour"
    assert "ファントムのみで学習" in found["warning"]
    (cine,) = found["cines"]
    assert len(cine["outlines"]) == cine["frames"] == 48
    assert {"ed", "es"} == set(cine["beats"][0])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("a", "b", "c"), "3 targets: give one cine"),
        (("a", "b", "--view", "4CH"), "two cines have two views"),
        (("a", "--picture", "x.jpg"), "it ends with .png"),
    ],
)
def test_wrong_options_are_usage_errors(args: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["contour", *args], env={"ECHOSEARCH_HOME": str(tmp_path)})
    assert done.exit_code == 2
    assert says in done.output
