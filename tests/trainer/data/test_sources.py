"""Pairs from a folder: what its tables say twice, or wrongly."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from echosearch.cli.main import cli
from echosearch.errors import ConfigError, TableError
from trainer.data.sources import from_folder, rendered


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "archive"
    done = CliRunner().invoke(cli, ["phantom", "write", str(folder), "--patients", "1", "--seed", "5"])
    assert done.exit_code == 0, done.output
    return folder


def rewritten(written: Path, tmp_path: Path, name: str, text: str) -> Path:
    """The folder with another table of this name."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for part in written.iterdir():
        (folder / part.name).symlink_to(part)
    (folder / name).unlink()
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_folder_has_the_patients_that_are_drawn_in_memory(written: Path) -> None:
    from_files, drawn = from_folder(written), rendered(1, 5)
    assert {study.patient for study in from_files} == {study.also_patient for study in drawn}
    assert [len(study.videos) for study in from_files] == [len(study.videos) for study in drawn]


def test_a_study_with_two_reports_is_refused_and_a_video_named_twice_counts_once(written: Path, tmp_path: Path) -> None:
    reports = (written / "reports.csv").read_text(encoding="utf-8").splitlines()
    with pytest.raises(ConfigError, match="1 studies have two reports or more"):
        from_folder(rewritten(written, tmp_path, "reports.csv", "\n".join([*reports, reports[-1]])))
    views = (written / "views.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "b").mkdir()
    twice = from_folder(rewritten(written, tmp_path / "b", "views.csv", "\n".join([*views, views[-1]])))
    assert twice[-1].videos == tuple(dict.fromkeys(twice[-1].videos))


def test_rows_without_a_patient_are_refused(written: Path, tmp_path: Path) -> None:
    reports = (written / "reports.csv").read_text(encoding="utf-8").splitlines()
    column = reports[0].split(",").index("patient_id")
    cells = reports[1].split(",")
    cells[column] = ""
    with pytest.raises(ConfigError, match="1 rows have no patient_id"):
        from_folder(rewritten(written, tmp_path, "reports.csv", "\n".join([reports[0], ",".join(cells), *reports[2:]])))


@pytest.mark.parametrize("change", [("ef", "eff"), ("study_uid", "uid")])
def test_a_wrong_truth_names_its_line(written: Path, tmp_path: Path, change: tuple[str, str]) -> None:
    truth = (written / "truth.csv").read_text(encoding="utf-8")
    with pytest.raises(TableError, match=r"truth\.csv, line 2: "):
        from_folder(rewritten(written, tmp_path, "truth.csv", truth.replace(*change, 1)))


def test_of_a_hard_study_the_first_takes_of_each_view_are_kept_and_features_enrich() -> None:
    """What is kept has the names, and so the clips, that it has among all."""
    every, few = (rendered(6, 5, level="hard", takes=takes) for takes in (0, 1))
    assert any(len(one.videos) < len(many.videos) for one, many in zip(few, every, strict=True))
    for one, many in zip(few, every, strict=True):
        assert set(one.videos) <= set(many.videos)
        assert {(v.view, v.color) for v in one.videos} == {(v.view, v.color) for v in many.videos}
        assert len(one.videos) == len({(v.view, v.color) for v in one.videos})
    having = rendered(40, 5, having=("septal_early",), level="hard")
    whole = rendered(40, 5, level="hard")
    has = {study.patient for study in whole if study.truth and study.truth.grades["septal_early"]}
    assert has
    assert {study.patient for study in having} == has
