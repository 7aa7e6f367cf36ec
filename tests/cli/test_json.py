"""Every document that docs/schemas describes, and every way that a schema would catch a change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import tomli_w
from jsonschema import ValidationError

from tests.cli.conftest import Tried
from tests.cli.json_schema import SCHEMAS, check_json, schema_name
from tests.cli.test_train import CONFIG
from tests.support.forked_program import python


def config_of_archive(real: Tried) -> Path:
    """A TOML whose data are the archive itself."""
    file = real.folder / "evaluate.toml"
    data = {"source": "archive", "min_view_prob": 0.0, "cache": str(real.folder / "clips")}
    tree = {**CONFIG, "data": data, "run": {"out": "x"}}
    file.write_text(tomli_w.dumps(tree), encoding="utf-8")
    return file


def asked(real: Tried) -> list[Sequence[str]]:
    """A command line for each schema, some of them twice: with and without identifiers, with and without a hit."""
    videos = json.loads(real.ask("similar", "DEMO-2", "--group", "video", "--json").stdout)["hits"]
    cine = next(hit["video"] for hit in videos if hit["mode"] == "bmode")  # films declare no region
    export, film = str(real.folder / "export"), str(real.folder / "export" / "mirrored.avi")
    text = "重度僧帽弁逆流"
    return [
        ("query", "--report", text, "--json"),
        ("query", "--report", text, "--group", "video", "--identified", "--json"),
        ("query", "--report", text, "--where", "date < 1900", "--json"),
        ("similar", "DEMO-2", "--json"),
        ("similar", film, "--identified", "--json"),
        ("similar", "DEMO-2", "--and", "左房拡大なし、EF 40%以上", "--json"),
        ("similar", film, "--like", "DEMO-3", "--unlike", str(real.folder / "export" / "IM_0001"), "--json"),
        ("report", "DEMO-2", "--json"),
        ("report", film, "--identified", "--json"),
        ("timeline", "DEMO-2", "--json"),
        ("timeline", "DEMO-2", "--identified", "--json"),
        ("changed", "--finding", "ペースメーカー", "--within", "2y", "--json"),
        ("interpret", "DEMO-2", "--json"),
        ("interpret", film, "--json"),
        ("interpret", "DEMO-2", "--identified", "--json"),
        ("disagree", "--json"),
        ("disagree", "--against", "sr", "--identified", "--json"),
        ("audit", "shortcuts", "--json"),
        ("probe", "list", "--json"),
        ("audit", "show", "--json"),
        ("audit", "show", "--open", "--json"),
        ("audit", "verify", "--json"),
        ("user", "list", "--json"),
        ("facts", "ごく軽度の大動脈弁閉鎖不全あり。EF 35%。心嚢液なし。", "--json"),
        ("facts", "", "--json"),
        ("understand", "65歳以上の女性で中等度以上のMRまたはAR、左室拡大なし、EF 40%未満、人工弁を除く", "--json"),
        ("understand", "EFが1年以内に10以上低下、新規のペースメーカー", "--json"),
        ("understand", "なにか", "--json"),
        ("cohort", "define", "mr", "中等度以上のMR", "--where", "not age > 80", "--replace", "--json"),
        ("cohort", "define", "ar", "中等度以上のAS", "--not-after", "3 months: 血栓", "--replace", "--json"),
        ("cohort", "list", "--json"),
        ("cohort", "show", "mr", "--json"),
        ("cohort", "show", "mr", "--suppress-below", "5", "--json"),
        ("cohort", "freeze", "ar", "--json"),
        ("cohort", "show", "ar@1", "--json"),
        ("cohort", "diff", "ar", "--json"),
        ("cohort", "export", "ar@1", "--out", str(real.folder / "ar.csv"), "--json"),
        ("cohort", "export", "ar@1", "--out", str(real.folder / "ar.parquet"), "--identified", "--json"),
        ("cohort", "match", "mr", "--on", "sex", "--json"),
        ("cohort", "review", "mr", "--record", "DEMO-2", "accept", "--reader", "sato", "--json"),
        ("cohort", "review", "mr", "--report", "--json"),
        ("cohort", "delete", "ar", "--json"),
        ("status", "--json"),
        ("status", "--why", film, "--json"),
        ("status", "--why", str(real.folder / "export" / "IM_0002"), "--json"),
        ("status", "--files", "STILL", "--json"),
        ("status", "--unmatched", "--json"),
        ("status", "--unmatched", "--identified", "--json"),
        ("ingest", export, "--sidecar", str(real.folder / "sidecar.csv"), "--json"),
        ("ingest", export, "--dry-run", "--json"),
        ("preview", "make", "--json"),
        ("preview", "show", cine, "--out", str(real.folder / "cine.mp4"), "--json"),
        ("contour", str(real.folder / "export" / "IM_0001"), "--view", "4CH", "--json"),
        ("contour", cine, "--json"),
        ("plan", "--videos", "10M", "--json"),
        ("opt-out", "NOBODY-7", "--dry-run", "--json"),
        ("opt-out", "NOBODY-7", "--yes", "--json"),
        ("opt-out", "--undo", "NOBODY-7", "--json"),
        (
            "ingest",
            export,
            "--sidecar",
            str(real.folder / "sidecar.csv"),
            "--on",
            "workers",
            "--workers",
            "1",
            "--json",
        ),
        ("work", "--job", "1", "--json"),
        ("verify", "--json"),
        ("verify", "--recall", "5", "--json"),
        ("index", "rebuild", "--json"),
        ("reembed", "phantom-tiny", "--json"),
        ("status", "--json"),  # with an encoder that does not answer any more
        ("reembed", str(real.folder / "encoder"), "--json"),
        ("index", "drop", "phantom-tiny", "--json"),
        *(
            (
                "evaluate",
                str(real.folder / "encoder"),
                "--config",
                str(config_of_archive(real)),
                "--split",
                "all",
                *more,
                "--json",
            )
            for more in ((), ("--robustness",))
        ),
    ]


def test_every_schema_describes_what_its_command_prints(real: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", python())  # of the worker that one of them starts
    for args in asked(real):
        done = real.ask(*args)  # held against its schema there
        assert done.exit_code == 0, (args, done.output)
        assert json.loads(done.stdout)
    (copy,) = (real.folder / "home" / "encoders").glob("phantom-tiny-*")
    shutil.rmtree(copy)  # the archive is shared: other tests know which encoders it has
    # tests/insight/test_probes.py, tests/trainer/evaluation/test_benchmark.py
    elsewhere = {"probe-fit", "probe-show", "probe-delete", "evaluate-benchmark"}
    elsewhere |= {"contour-import", "contour-forget"}  # tests/contour/test_imported.py
    elsewhere |= {"receive"}  # it ends by a signal: tests/cli/test_receive.py
    assert {schema_name(args) for args in asked(real)} | elsewhere == {path.stem for path in SCHEMAS.glob("*.json")}


def test_a_schema_notices_a_key_that_is_new_gone_or_of_another_type(real: Tried) -> None:
    asked = ("query", "血栓", "--json")
    document = json.loads(real.ask(*asked).stdout)
    first = document["hits"][0]
    for changed in (
        {**first, "name": "x"},
        {key: value for key, value in first.items() if key != "mode"},
        {**first, "score": "0.5"},
        {**first, "study": "2.25.1"},
        {**first, "date": "2021-04-01"},
    ):
        with pytest.raises(ValidationError):
            check_json(asked, json.dumps({**document, "hits": [changed]}))
