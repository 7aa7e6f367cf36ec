"""The documentation: what is generated is up to date, the tutorial runs, and the site's menu names every page."""

from __future__ import annotations

import json
import re
import subprocess
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.forked_program import python

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_what_comes_from_the_code_is_what_the_code_says() -> None:
    done = subprocess.run(
        [python(), str(DOCS / "generate.py"), "--check"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_menu_names_every_page_once() -> None:
    def pages(entry: Any) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        values = entry.values() if isinstance(entry, dict) else entry
        return [page for value in values for page in pages(value)]

    named = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_tutorial_and_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tutorial cell after cell in one namespace, as a notebook runs them; the README's Python on its archive."""
    tmp_path.chmod(0o755)
    get_temp_dir()  # multiprocessing keeps its folder to the end of this process: it is none that the test removes
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cells = json.loads((DOCS / "tutorial-python.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    said = capsys.readouterr().out
    assert "rank  score" in said
    assert "character 8: view has no value '5CH'" in said
    assert len(names["frame"]) == len(names["hits"]) > 1  # type: ignore[arg-type]
    assert names["frame"]["mr"].notna().all()  # type: ignore[index]
    assert len(names["moments"]) > 0  # type: ignore[arg-type]

    monkeypatch.setenv("ECHOSEARCH_HOME", f"{names['folder']}/home")
    monkeypatch.setenv("ECHOSEARCH_ENCODER", "phantom-tiny")
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    # of two patients nobody may have severe MR: what no report speaks of has hits by videos
    given = {"/pacs/export": f"{names['phantom']}/DICOM", "reports.csv": f"{names['phantom']}/reports.csv", "65": "20"}
    given |= {"重度僧帽弁逆流": "血栓"}
    for word, own in given.items():
        assert word in block
        block = block.replace(word, own)
    exec(block, {})
    assert "rank  score" in capsys.readouterr().out
