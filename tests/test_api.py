"""The public Python API: what it exports, that it is light and quiet, and each of its calls on small archives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from inspect import isclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import echosearch
from echosearch import errors
from echosearch.cli.main import cli
from echosearch.vector import unit
from tests.cli.material import write_material

ENCODER = "phantom-tiny"

# a user's script as users write them: at the top level, with no guard for child processes
SCRIPT = """
import json, sys
import echosearch

folder = sys.argv[1]
seen = []
with echosearch.open_archive(folder + "/home", encoder="phantom-tiny") as archive:
    summary = archive.ingest(
        folder + "/export", reports=folder + "/reports.csv", sidecar=folder + "/sidecar.csv", progress=seen.append
    )
    hits = archive.search("血栓")
    archive.similar(folder + "/export/mirrored.avi")
    archive.reports(hits[0].study)
    archive.vectors()
print(json.dumps([summary.found, summary.indexed, summary.skipped, seen[-1].done, len(hits)]))
"""


@dataclass(frozen=True)
class Made:
    """An archive that a script has made, and what the script printed."""

    folder: Path
    stdout: str
    stderr: str

    def open(self) -> echosearch.OpenArchive:
        return echosearch.open_archive(self.folder / "home", encoder=ENCODER)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three studies of three patients: real ultrasound, under the shipped encoder."""
    folder = tmp_path_factory.mktemp("api")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)  # the embedded server's user must reach its folder
    write_material(folder)
    script = folder / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(folder)],
        cwd=Path(__file__).parents[1],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ".", "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Made(folder, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def archive(made: Made) -> Iterator[echosearch.OpenArchive]:
    with made.open() as archive:
        yield archive


# --- what is exported -----------------------------------------------------------------------------------------------


def test_every_public_name_is_exported_sorted_and_there() -> None:
    assert echosearch.__all__ == sorted(echosearch.__all__, key=lambda name: (name.islower(), name))
    assert set(echosearch.__all__) <= set(dir(echosearch))
    for name in echosearch.__all__:
        assert getattr(echosearch, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Archives'"):
        echosearch.Archives  # noqa: B018


def test_the_whole_tree_of_errors_is_exported() -> None:
    tree = {name for name in errors.__all__ if isclass(getattr(errors, name))}
    assert tree <= set(echosearch.__all__)
    assert all(issubclass(getattr(echosearch, name), echosearch.EchosearchError) for name in tree)


def test_every_public_call_says_what_it_does() -> None:
    for thing in (echosearch.Cohorts, echosearch.Hits, echosearch.OpenArchive, echosearch.Previews, echosearch.Probes):
        public = [name for name in vars(thing) if not name.startswith("_")]
        assert [name for name in public if not getattr(thing, name).__doc__] == []


@pytest.mark.parametrize("used", ["__version__", "EchosearchError", "Reason", "Progress"])
def test_importing_it_imports_nothing_heavy(used: str) -> None:
    code = (
        f"import sys, echosearch; echosearch.{used}\n"
        "heavy = 'torch numpy sqlalchemy pydantic pydicom pyarrow pandas click qdrant_edge lark'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"


# --- its calls ------------------------------------------------------------------------------------------------------


def test_a_script_ingests_and_searches_and_nothing_else_is_printed(made: Made) -> None:
    assert json.loads(made.stdout) == [7, 3, 4, 7, 3]
    assert made.stdout.count("\n") == 1
    assert made.stderr == ""


def test_it_prints_nothing_in_this_process(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    with made.open() as archive:
        archive.ingest(made.folder / "export", sidecar=made.folder / "sidecar.csv")
        archive.similar(made.folder / "export" / "IM_0001")
        with pytest.raises(echosearch.InputError):
            archive.search("。。")
    assert capfd.readouterr() == ("", "")


def test_search_is_the_command_line_s_query(made: Made) -> None:
    asked = ["query", "--report", "左室拡大", "--where", "date >= 2000", "--identified", "--json"]
    home = {"ECHOSEARCH_HOME": str(made.folder / "home"), "ECHOSEARCH_ENCODER": ENCODER}
    said = json.loads(CliRunner().invoke(cli, asked, env=home, catch_exceptions=False).stdout)
    with made.open() as archive:
        hits = archive.search("左室拡大", where="date >= 2000", identified=True)
    assert hits.to_dicts() == said["hits"]
    assert [hit.rank for hit in hits] == list(range(1, len(said["hits"]) + 1))
    assert hits.encoder.name == ENCODER


def test_similar_and_reports_by_key_and_by_file(made: Made, archive: echosearch.OpenArchive) -> None:
    by_file = archive.similar(made.folder / "export" / "mirrored.avi")
    by_name = archive.similar("DEMO-2")
    assert [hit.study for hit in by_file] == [hit.study for hit in by_name]
    own = (set(archive.vectors().ids) - {hit.study for hit in by_name}).pop()
    assert [hit.study for hit in archive.similar(own[:8])] == [hit.study for hit in by_name]
    reports = archive.reports("DEMO-2", identified=True)
    assert [hit.same_study for hit in reports].count(True) == 1
    assert all(hit.report_text for hit in reports)
    with pytest.raises(echosearch.FileRefused) as refused:
        archive.similar(made.folder / "export" / "IM_0002")
    assert refused.value.outcome.reason is echosearch.Reason.STILL


def test_similar_with_words_and_with_examples_is_the_command_line_s(made: Made) -> None:
    home = {"ECHOSEARCH_HOME": str(made.folder / "home"), "ECHOSEARCH_ENCODER": ENCODER}
    dark = made.folder / "export" / "dark.avi"
    asked = (["--and", "左房拡大なし"], ["--like", "DEMO-3"], ["--unlike", str(dark)])
    said = [
        json.loads(
            CliRunner().invoke(cli, ["similar", "DEMO-2", *one, "--json"], env=home, catch_exceptions=False).stdout
        )
        for one in asked
    ]
    with made.open() as archive:
        words = archive.similar("DEMO-2", also="左房拡大なし")
        found = [words, archive.similar("DEMO-2", like=["DEMO-3"]), archive.similar("DEMO-2", unlike=[dark])]
        with pytest.raises(echosearch.InputError, match="a list"):
            archive.similar("DEMO-2", like="DEMO-3")
    assert [hits.to_dicts() for hits in found] == [one["hits"] for one in said]
    assert [len(hits) for hits in found] == [1, 1, 1]  # one report states it; the silent study is not likely
    assert all(hit.why is not None for hit in words)


def test_vectors_are_those_that_the_scores_come_from(archive: echosearch.OpenArchive) -> None:
    everything = archive.vectors()
    assert everything.vectors.dtype == np.float32
    assert everything.vectors.shape == (3, everything.encoder.dimension)
    assert everything.ids == everything.studies == tuple(sorted(everything.ids))
    assert len(set(everything.patients)) == 3
    hits = archive.similar(everything.ids[0])
    rows = unit(archive.vectors([everything.ids[0], *(hit.study for hit in hits)]).vectors)
    assert rows[1:] @ rows[0] == pytest.approx([hit.score for hit in hits], abs=2e-3)  # the index holds float16


def test_vectors_come_in_the_order_that_was_asked(archive: echosearch.OpenArchive) -> None:
    ids = archive.vectors().ids
    backwards = archive.vectors([ids[2], ids[0][:8]])
    assert backwards.ids == (ids[2], ids[0])
    videos = archive.vectors([ids[2], ids[0]], of="videos")
    assert videos.studies == (ids[2], ids[0])
    assert np.array_equal(videos.vectors, backwards.vectors)  # one cine each: their mean is the cine's own
    assert archive.vectors([]).vectors.shape == (0, videos.encoder.dimension)
    assert len(archive.vectors(of="reports")) == 3


def test_vectors_of_what_is_not_there_are_refused(archive: echosearch.OpenArchive) -> None:
    known = archive.vectors().ids[0]
    for name in ("no such study", "0" * 8 + "-0000-0000-0000-" + "0" * 12):
        with pytest.raises(echosearch.UnknownStudy, match=r"studies\[1\]"):
            archive.vectors([known, name])
    with pytest.raises(echosearch.InputError, match="give a list"):
        archive.vectors(known)
    with pytest.raises(echosearch.InputError, match="studies"):
        archive.vectors(of="clips")  # type: ignore[arg-type]


def test_hits_are_a_sequence_and_a_table(archive: echosearch.OpenArchive) -> None:
    hits = archive.search("血栓", top_k=3)  # no report speaks of it: all are ranked by their videos
    assert isinstance(hits[:2], echosearch.Hits)
    assert (len(hits[:2]), hits[:2][0], hits[-1]) == (2, hits[0], list(hits)[2])
    lines = str(hits).splitlines()
    assert lines[0].split()[:3] == ["rank", "score", "study"]
    assert [line.split()[2] for line in lines[1:4]] == [hit.study[:8] for hit in hits]
    assert hits._repr_html_().count("<tr>") == 4
    assert repr(hits).startswith("Hits(3 hits by phantom-tiny")
    nothing = archive.search("重度僧帽弁逆流", where="date < 1900")
    assert str(nothing).splitlines()[0] == "no hits"
    assert ">no hits<" in nothing._repr_html_()


def test_what_an_archive_holds_cannot_write_markup_or_steer_a_terminal(archive: echosearch.OpenArchive) -> None:
    hits = archive.search("血栓")
    hostile = replace(hits[0], mode="<script>\x1b[2J")
    hits = echosearch.Hits(replace(hits.results, hits=(hostile,), warnings=("<b>",)))
    assert "<script>" not in hits._repr_html_()
    assert "<b>" not in hits._repr_html_()
    assert "\x1b" not in str(hits)


def test_arrow_and_pandas(archive: echosearch.OpenArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    hits = archive.search("血栓")
    table = hits.to_arrow()
    assert table.column("study").to_pylist() == [hit.study for hit in hits]
    nothing = archive.search("重度僧帽弁逆流", where="date < 1900").to_arrow()
    assert (nothing.num_rows, nothing.schema) == (0, table.schema)
    nobody = archive.reports("DEMO-2", where="date < 1900").to_arrow()
    assert nobody.schema == archive.reports("DEMO-2").to_arrow().schema
    assert list(hits.to_pandas()["score"]) == [hit.score for hit in hits]
    monkeypatch.setitem(sys.modules, "pandas", None)  # as where it is not installed
    with pytest.raises(echosearch.ConfigError, match="pip install pandas"):
        hits.to_pandas()


@pytest.mark.parametrize(
    ("error", "told", "asked"),
    [
        (echosearch.InputError, "^top_k 0: give a number", {"top_k": 0}),
        (echosearch.InputError, "^min_view_prob 2: give", {"min_view_prob": 2}),
        (echosearch.InputError, "^view '5CH': no such view, it is one of LAX", {"view": "5CH"}),
        (echosearch.InputError, "^group hospital: it is one of", {"group": "hospital"}),
        (echosearch.WhereError, "^where, character 8: view has no value", {"where": "view = 5CH"}),
    ],
)
def test_a_mistake_names_the_parameter(
    archive: echosearch.OpenArchive, error: type[Exception], told: str, asked: dict[str, object]
) -> None:
    with pytest.raises(error, match=told):
        archive.search("弁", **asked)  # type: ignore[arg-type]


# --- opening and closing --------------------------------------------------------------------------------------------


def test_two_archives_at_once(made: Made, archive: echosearch.OpenArchive, tmp_path: Path) -> None:
    """Each has its own PostgreSQL, index and key: neither sees the other's studies, whichever is asked first."""
    tmp_path.chmod(0o755)
    film, sidecar = made.folder / "export" / "mirrored.avi", made.folder / "sidecar.csv"
    with echosearch.open_archive(tmp_path / "second", encoder=ENCODER) as second:
        with pytest.raises(echosearch.EmptyArchive):
            second.search("血栓")
        with pytest.raises(echosearch.TableError):
            second.ingest(film, sidecar=made.folder / "reports.csv")
        (tmp_path / "export").mkdir()
        (tmp_path / "export" / film.name).write_bytes(film.read_bytes())
        (tmp_path / "one.csv").write_text("\n".join(sidecar.read_text(encoding="utf-8").splitlines()[:2]), "utf-8")
        assert second.ingest(tmp_path / "export", sidecar=tmp_path / "one.csv").indexed == 1
        first_hits, second_hits = archive.search("血栓"), second.search("血栓")
        assert (len(first_hits), len(second_hits)) == (3, 1)
        assert second_hits[0].study not in {hit.study for hit in first_hits}  # another key, another pseudonym
        same_film = archive.vectors(["DEMO-2"]).vectors
        assert np.allclose(second.vectors().vectors, same_film, atol=1e-4)
    assert len(archive.search("血栓")) == 3  # closing one leaves the other open


def test_a_home_that_is_open_opens_again(made: Made, archive: echosearch.OpenArchive) -> None:
    hits = [hit.study for hit in archive.search("血栓")]
    with made.open() as again:
        assert [hit.study for hit in again.search("血栓")] == hits
    assert [hit.study for hit in archive.search("血栓")] == hits


def test_a_closed_archive_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    archive = echosearch.open_archive(str(tmp_path / "home"))
    archive.close()
    archive.close()
    assert "closed" in repr(archive)
    with pytest.raises(echosearch.ArchiveError, match="is closed: open it again"):
        archive.search("血栓")
    with pytest.raises(echosearch.ArchiveError, match="is closed: open it again"):
        archive.previews.find("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"database_url": "postgresql://localhost/x"}, "ECHOSEARCH_QDRANT_URL is not set"),
        ({"home": "~nobody-of-that-name/x"}, "^home: "),
        ({"home": 3}, "^home: "),
    ],
)
def test_a_wrong_argument_is_a_config_error(given: dict[str, object], told: str) -> None:
    with pytest.raises(echosearch.ConfigError, match=told):
        echosearch.open_archive(**given)  # type: ignore[arg-type]


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    urls = {"database_url": "postgresql://nobody:secret@127.0.0.1:9/none", "qdrant_url": "http://127.0.0.1:9"}
    with pytest.raises(echosearch.StoreUnreachable) as unreachable:
        echosearch.open_archive(tmp_path, **urls)
    assert "secret" not in str(unreachable.value)


def test_a_folder_that_is_not_there(archive: echosearch.OpenArchive, tmp_path: Path) -> None:
    with pytest.raises(echosearch.InputError, match="no such file or folder"):
        archive.ingest(tmp_path / "none")
    with pytest.raises(echosearch.InputError, match=r"^batch_size 0"):
        archive.ingest(tmp_path, batch_size=0)


def test_a_preview_or_why_there_is_none(archive: echosearch.OpenArchive) -> None:
    found = [archive.previews.find(key) for key in archive.vectors(of="videos").ids]
    (cine,) = [one for one in found if isinstance(one, echosearch.Preview)]
    assert len(cine.times) == 31
    assert {one.reason for one in found if isinstance(one, echosearch.NoPreview)} == {"no_box"}  # films


def test_cohorts_are_those_of_the_command_line(archive: echosearch.OpenArchive, tmp_path: Path) -> None:
    cohorts = archive.cohorts
    toml = cohorts.define("mr", "軽度以上の僧帽弁逆流", where="age < 90 or not age < 90", per_patient="first")
    assert cohorts.define_toml(toml, replace=True) == toml == cohorts.toml("mr")
    with pytest.raises(errors.InputError, match="cohort mr exists"):
        cohorts.define("mr", "MR")
    steps = cohorts.attrition("mr")
    assert [(one.kept.patients, one.kept.studies, one.kept.videos) for one in steps] == [(3, 3, 3), *[(2, 2, 2)] * 3]
    assert cohorts.attrition("mr", suppress_below=5)[1].kept.studies is None
    snapshot = cohorts.freeze("mr")
    assert (snapshot.reference, snapshot.members, len(snapshot.digest)) == ("mr@1", 2, 64)
    assert cohorts.attrition("mr@1") == steps
    found = cohorts.diff("mr@1")
    assert (found.stayed, found.entered, found.left) == (2, 0, 0)
    assert cohorts.export("mr@1", tmp_path / "mr.parquet").studies == 2
    assert cohorts.match("mr", on="age").controls == 0
    drawn = cohorts.sample("mr", "sato", 5)
    assert len(drawn.studies) == 2
    cohorts.record("mr", drawn.studies[0], "accept", "sato", reason="CANARY")
    cohorts.record("mr", drawn.studies[0], "reject", "suzuki")
    assert cohorts.sample("mr", "sato", 5).studies == drawn.studies[1:]
    found_by_readers = cohorts.review("mr", tmp_path / "answers.csv")
    assert (found_by_readers.studies, found_by_readers.disputed, len(found_by_readers.agreements)) == (1, 1, 1)
    assert "CANARY" not in (tmp_path / "answers.csv").read_text(encoding="utf-8")
    with pytest.raises(errors.InputError, match="answer 'perhaps'"):
        cohorts.record("mr", drawn.studies[0], "perhaps", "sato")  # type: ignore[arg-type]
    cohorts.delete("mr")
    assert [(one.name, one.definition, one.snapshots) for one in cohorts.saved()] == [("mr", None, (1,))]


def test_probes_are_those_of_the_command_line(archive: echosearch.OpenArchive) -> None:
    assert archive.probes.list() == ()
    with pytest.raises(echosearch.InputError, match="no probe of mr was fitted: 3 labelled studies"):
        archive.probes.fit("mr", "facts")
    for call in (archive.probes.versions, archive.probes.delete):
        with pytest.raises(echosearch.InputError, match="there is no probe of mr"):
            call("mr")


def test_what_videos_and_reports_say_together_is_asked_from_python(made: Made) -> None:
    with made.open() as archive:
        found = archive.interpret(made.folder / "export" / "mirrored.avi")
        assert {one.probability for one in found.findings} == {None}  # three reports calibrate nothing
        assert archive.disagree(against="sr").compared == 0
        assert archive.audit_shortcuts().studies == 3
        with pytest.raises(errors.InputError, match="against"):
            archive.disagree(against="ecg")  # type: ignore[arg-type]
