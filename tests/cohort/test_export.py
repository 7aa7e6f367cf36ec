"""Exports and figures: whole tables with a dictionary, pseudonymous, with nobody rare where that is asked for."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pyarrow import parquet

from echosearch.cohort.attrition import AttritionStep, Tally
from echosearch.cohort.export import Exported, export_cohort
from echosearch.cohort.figure import JAPANESE, check_figure, draw_attrition
from echosearch.cohort.run import reading
from echosearch.cohort.snapshot import freeze
from echosearch.errors import ConfigError, InputError
from tests.cohort.conftest import Ward


def exported(ward: Ward, name: str, file: Path, **how: object) -> Exported:
    with reading(ward.archive) as connection:
        return export_cohort(ward.archive, connection, name, file, **how)  # type: ignore[arg-type]


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def mr(small: Ward) -> Ward:
    small.define("mr", "中等度以上のMR、EF 40%未満")
    return small


def test_every_member_is_a_row_with_what_was_asked(mr: Ward, tmp_path: Path) -> None:
    mr.measured("severe", "lvef", 36.5, "%")
    made = exported(mr, "mr", tmp_path / "mr.csv", also=["lv_dilation"])
    assert (made.studies, made.patients) == (3, 2)
    rows = {row["study"]: row for row in rows_of(tmp_path / "mr.csv")}
    assert set(rows) == {mr.keys[name] for name in ("severe", "severe later", "valve")}
    severe = rows[mr.keys["severe"]]
    assert severe["patient"] == mr.patient("A")
    assert (severe["date"], severe["age"], severe["sex"], severe["videos"]) == ("2019-03", "71", "F", "2")
    assert (severe["device"], severe["verdict"]) == ("Vivid E95", "stated")
    assert (severe["mr"], severe["mr_low"], severe["mr_high"]) == ("present", "4", "4")
    assert (severe["lvef"], severe["lvef_sr"], severe["lv_dilation"]) == ("35.0", "36.5", "absent")
    valve = rows[mr.keys["valve"]]
    assert (valve["lvef"], valve["lvef_high"], valve["lvef_sr"]) == ("30.0", "35.0", "")
    text = (tmp_path / "mr.csv").read_text("utf-8-sig")
    assert "CANARY" not in text
    assert "2019-03-01" not in text


def test_parquet_has_the_same_rows_and_a_dictionary_of_its_columns(mr: Ward, tmp_path: Path) -> None:
    exported(mr, "mr", tmp_path / "mr.csv")
    exported(mr, "mr", tmp_path / "mr.parquet")
    table = parquet.read_table(tmp_path / "mr.parquet")
    as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in table.to_pylist()]
    assert as_text == rows_of(tmp_path / "mr.csv")
    listed = json.loads((tmp_path / "mr.dictionary.json").read_text("utf-8"))["columns"]
    assert [one["column"] for one in listed] == table.column_names
    assert {one["column"]: one["unit"] for one in listed}["lvef"] == "%"
    assert [row["column"] for row in rows_of(tmp_path / "mr.dictionary.csv")] == table.column_names
    types = {"text": "string", "integer": "int64", "number": "double", "boolean": "bool"}
    assert [types[one["type"]] for one in listed] == [str(kind) for kind in table.schema.types]


def test_identifiers_only_where_asked_for(mr: Ward, tmp_path: Path) -> None:
    exported(mr, "mr", tmp_path / "mr.csv", identified=True)
    row = next(row for row in rows_of(tmp_path / "mr.csv") if row["study"] == mr.keys["severe"])
    assert (row["accession_number"], row["study_date"]) == ("CANARYACC", "2019-03-01")


def test_a_snapshot_is_exported_as_it_was(mr: Ward, tmp_path: Path) -> None:
    with reading(mr.archive) as connection:
        freeze(mr.archive, connection, "mr")
    mr.report("severe", "MRなし。")
    mr.read()
    assert exported(mr, "mr@1", tmp_path / "a.csv").studies == 3
    assert exported(mr, "mr", tmp_path / "b.csv").studies == 2


def test_a_cell_that_a_spreadsheet_would_run_is_defused(mr: Ward, tmp_path: Path) -> None:
    mr.sql("update core.video set device = '=cmd()'")
    exported(mr, "mr", tmp_path / "mr.csv")
    assert {row["device"] for row in rows_of(tmp_path / "mr.csv")} == {"'=cmd()"}


def test_nobody_rare_is_shown(ward: Ward, tmp_path: Path) -> None:
    for number in range(30):
        age, sex = 40 + number % 20, "FM"[number % 2]
        ward.add(
            f"s{number}", f"P{number // 2}", date(2020 + number % 2, 1 + number % 3, 1), "MRあり。", age=age, sex=sex
        )
    ward.add("old", "Q", date(2020, 1, 1), "MRあり。", age=88)
    ward.read()
    ward.define("mr", "MR")
    exported(ward, "mr", tmp_path / "mr.csv", suppress_below=5)
    rows = rows_of(tmp_path / "mr.csv")
    assert len(rows) == 31
    shared: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        shared[row["date"], row["age"], row["sex"], row["device"]].add(row["patient"])
    empty = shared.pop(("", "", "", ""))
    assert ward.patient("Q") in empty
    assert shared
    assert all(len(patients) >= 5 for patients in shared.values())
    assert {key[1] for key in shared} <= {"40", "50"}
    assert Counter(len(key[0]) for key in shared).keys() == {4}
    with pytest.raises(InputError, match="fewer than 99 patients"):
        exported(ward, "mr", tmp_path / "few.csv", suppress_below=99)
    assert not (tmp_path / "few.csv").exists()
    with pytest.raises(InputError, match="give one of them"):
        exported(ward, "mr", tmp_path / "x.csv", suppress_below=5, identified=True)


@pytest.mark.parametrize(
    ("file", "also", "message"),
    [("mr.xlsx", (), "ends with"), ("no/mr.csv", (), "no such folder"), ("mr.csv", ("mrr",), "--with mrr|'mrr'")],
)
def test_what_cannot_be_written_is_refused(
    mr: Ward, tmp_path: Path, file: str, also: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        exported(mr, "mr", tmp_path / file, also=also)


STEPS = (
    AttritionStep("all studies", Tally(1000, 2000, 16000), Tally(0, 0, 0)),
    AttritionStep("MR 中等度以上 <&>", Tally(100, 200, None), Tally(900, 1800, None), 3),
    AttritionStep("x" * 80, Tally(100, 100, 800), Tally(0, 100, None), 3),
)


def test_the_flow_chart_is_xml_with_every_number(tmp_path: Path) -> None:
    draw_attrition(STEPS, "severe-mr", tmp_path / "a.svg", below=5)
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    texts = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "MR 中等度以上 <&>" in texts
    assert "100 patients, 200 studies, (hidden, <5) videos; 3 by videos" in texts
    assert "900 patients, 1,800 studies, (hidden, <5) videos" in texts
    assert max(map(len, texts)) < 70
    boxes = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("stroke")]
    assert len(boxes) == 5  # three steps, two drops
    width, height = (float(root.get(name) or 0) for name in ("width", "height"))
    for box in boxes:
        x, y, w, h = (float(box.get(name) or 0) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_a_figure_that_cannot_be_drawn_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends with \.svg or \.png"):
        check_figure(tmp_path / "a.pdf")
    with pytest.raises(InputError, match="no such folder"):
        check_figure(tmp_path / "no" / "a.svg")
    check_figure(tmp_path / "a.svg")


def can_draw() -> bool:
    """Whether matplotlib and a Japanese font are installed."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.font_manager import fontManager

    return bool({font.name for font in fontManager.ttflist} & {*JAPANESE})


def test_a_png_is_drawn_or_refused_in_one_line(tmp_path: Path) -> None:
    if not can_draw():
        with pytest.raises(ConfigError, match=r"write a \.svg"):
            check_figure(tmp_path / "a.png")
        return
    check_figure(tmp_path / "a.png")
    draw_attrition(STEPS, "severe-mr", tmp_path / "a.png", below=5)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
