"""echosearch train on what ingest has stored: pairs from the stores, pixels from the files, nothing of a patient."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from echosearch.encoder.torch_encoder import load_encoder
from echosearch.report.csv_tables import read_reports
from tests.cli.conftest import Tried
from trainer.config import DataConfig
from trainer.data.sources import load_studies

CONFIG: dict[str, Any] = {
    "name": "from-an-archive",
    "data": {"source": "archive", "split": [1.0, 0.0, 0.0]},
    "model": {
        "dimension": 16, "max_tokens": 64, "whiten": False,
        "clip": {"frames": 4, "size": 32},
        "video": {"architecture": "video_conv", "widths": [8, 8, 16], "readout": 4, "compressed": 8, "gates": 4},
        "text": {"width": 32, "depth": 1, "heads": 2, "vocabulary": 600, "projection_width": 32},
    },
    "optim": {"steps": 2, "batch": 3, "warmup": 1, "precision": "fp32"},
    "run": {"device": "cpu"},
}  # fmt: skip


def test_pairs_are_the_linked_reports_and_the_files_that_were_ingested(
    real: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOSEARCH_HOME", str(real.folder / "home"))
    studies = load_studies(DataConfig(source="archive"))
    reports = read_reports(real.folder / "reports.csv")
    assert sorted(study.report for study in studies) == sorted(row.report_text for row in reports)
    assert len({study.patient for study in studies}) == 3
    for study in studies:
        assert len(study.videos) == 1
        assert isinstance(study.videos[0].source, Path)
        assert study.videos[0].source.is_file()
        shown = repr(study)
        assert study.report not in shown
        assert str(study.videos[0].source) not in shown
        assert not any(row.patient_id and row.patient_id in shown for row in reports)


def test_a_run_on_the_archive_ends_with_a_bundle(real: Tried, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    tree = {
        **CONFIG,
        "data": CONFIG["data"] | {"cache": str(tmp_path / "clips")},
        "run": CONFIG["run"] | {"out": str(tmp_path / "run")},
    }
    file.write_text(tomli_w.dumps(tree), encoding="utf-8")
    said = real.ask("train", str(file))
    assert said.exit_code == 0, said.output
    encoder = load_encoder(tmp_path / "run" / "bundle", "cpu")
    assert "a real archive" in encoder.id.provenance
    record = (tmp_path / "run" / "bundle" / "training.toml").read_text(encoding="utf-8")
    assert not any(row.study_uid and row.study_uid in record for row in read_reports(real.folder / "reports.csv"))
