"""A project's account never meets another project's study: search, similar, pages, timeline, videos, cohort, export."""

from __future__ import annotations

import json

import pytest

from echosearch.search.filter_parser import parse_where
from tests.search.conftest import KnownStudy
from tests.web.conftest import Served


def inside(study: KnownStudy) -> bool:
    """PROJECT's condition, said once more."""
    return study.age is not None and study.age < 65


@pytest.fixture(scope="module")
def outside(served: Served) -> set[str]:
    """Keys that the project must never see: studies, patients without a study inside, videos, reports."""
    studies = [study for study in served.corpus.studies if not inside(study)]
    mine = {study.patient for study in served.corpus.studies if inside(study)}
    keys = {study.key for study in studies} | {study.patient for study in studies} - mine
    keys |= {video.key for video in served.corpus.videos if not inside(video.study)}
    assert len(keys) > 60
    return keys


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "MR"},
        {"text": "MR", "as_typed": True},
        {"text": "左室拡大", "group": "patient", "include_denied": True},
        {"text": "MR", "group": "video"},
        {"text": "EF 40%未満", "where": "view = 4CH", "min_view_prob": 0.0},
        {"text": "心嚢液", "where": "not age < 65"},
        {"text": "人工弁", "rescore": True, "exact": True},
        {"text": "MR", "kept": 2000},
    ],
)
def test_a_search_finds_the_projects_studies_alone(served: Served, outside: set[str], asked: dict[str, object]) -> None:
    whole = served.client("researcher").post("/api/v1/searches", json={**asked, "limit": 200})
    mine = served.client("project").post("/api/v1/searches", json={**asked, "limit": 200})
    assert whole.status_code == mine.status_code == 201
    assert not [key for key in outside if key in mine.text]
    kept = {study.key for study in served.corpus.studies if inside(study)}
    found = {hit["study"] for hit in whole.json()["hits"]} & kept
    if asked.get("group") == "study" and asked.get("where") is None:
        assert found <= {hit["study"] for hit in mine.json()["hits"]}
    if "not age" not in str(asked.get("where")):
        assert mine.json()["hits"]
    if mine.json()["exact_count"]:
        assert mine.json()["count"] <= len(kept)


def test_nothing_of_another_project_is_shown_by_its_key(served: Served, outside: set[str]) -> None:
    project, all_of_it = served.client("project"), served.client("researcher")
    study = next(study for study in served.corpus.studies if not inside(study) and study.patient in outside)
    video = served.corpus.of(study)[0].key
    for path in (
        f"studies/{study.key}",
        f"studies/{study.key}/videos",
        f"patients/{study.patient}/studies",
        f"videos/{video}",
        f"videos/{video}/poster.jpg",
    ):
        theirs = project.get(f"/api/v1/{path}")
        assert theirs.status_code == 404, path
        assert theirs.json()["type"] != "/problems/no-preview"
        other = all_of_it.get(f"/api/v1/{path}")
        assert other.status_code == 200 or other.json()["type"] == "/problems/no-preview", path
    for asked in ({"study": study.key}, {"study": study.key, "like": [study.key]}):
        assert project.post("/api/v1/searches", json=asked).json()["type"] == "/problems/unknown-study"
        assert all_of_it.post("/api/v1/searches", json=asked).status_code == 201


def test_similar_studies_and_timelines_are_within_the_project(served: Served, outside: set[str]) -> None:
    project = served.client("project")
    for study in filter(inside, served.corpus.studies[:12]):
        for asked in ({"study": study.key}, {"study": study.key, "text": "MR", "include_same_patient": True}):
            found = project.post("/api/v1/searches", json={**asked, "limit": 200})
            assert found.json()["hits"]
            assert not [key for key in outside if key in found.text]
        shown = project.get(f"/api/v1/patients/{study.patient}/studies")
        assert shown.status_code == 200
        assert not [key for key in outside if key in shown.text]


def test_a_cohort_counts_and_lists_the_projects_studies_alone(served: Served, outside: set[str]) -> None:
    project, researcher = served.client("project"), served.client("researcher")
    made = researcher.post("/api/v1/cohorts", json={"name": "mr", "text": "MR", "replace": True})
    assert made.status_code == 201
    frozen = researcher.post("/api/v1/cohorts/mr/freeze").json()["cohort"]
    for reference in ("mr", frozen):
        everyone = researcher.get(f"/api/v1/cohorts/{reference}/members").json()["members"]
        members = project.get(f"/api/v1/cohorts/{reference}/members")
        assert {one["study"] for one in members.json()["members"]} == {one["study"] for one in everyone} - outside
        assert {one["study"] for one in everyone} & outside
        drawn = project.get(f"/api/v1/cohorts/{reference}/sample", params={"size": 200})
        assert not [key for key in outside if key in members.text + drawn.text]
    assert project.get(f"/api/v1/cohorts/{frozen}/steps").status_code == 403
    steps = project.get("/api/v1/cohorts/mr/steps").json()["steps"]
    indexed = sum(inside(study) for study in served.corpus.studies)
    assert steps[0]["kept"]["studies"] in (indexed, None)


def test_an_export_is_checked_again_when_it_is_read(served: Served, outside: set[str]) -> None:
    """A search that was saved before the project's condition was narrowed gives only what may be seen now."""
    from echosearch.db.access.accounts import put_project

    project = served.client("project")
    made = project.post("/api/v1/searches", json={"text": "MR", "limit": 200}).json()
    with served.archive.engine.begin() as connection:
        put_project(connection, "young", "age < 45")
    try:
        younger = {study.key for study in served.corpus.studies if study.age is not None and study.age < 45}
        lines = project.get(f"/api/v1/searches/{made['id']}/export").text.splitlines()
        page = project.get(f"/api/v1/searches/{made['id']}/hits", params={"limit": 200}).json()
    finally:
        with served.archive.engine.begin() as connection:
            put_project(connection, "young", "age < 65")
    exported = {json.loads(line)["study"] for line in lines[:-1]}
    assert exported == {hit["study"] for hit in made["hits"]} & younger == {hit["study"] for hit in page["hits"]}
    assert json.loads(lines[-1]) == {"end": True, "rows": len(lines) - 1}
    assert page["left_out"] == made["kept"] - len(page["hits"])


def test_what_looks_at_every_study_is_refused_to_a_viewer_of_a_part(served: Served) -> None:
    from echosearch.db.access.viewer import Role, Viewer
    from echosearch.errors import ConfigError
    from echosearch.insight.disagree import disagree
    from echosearch.insight.shortcuts import shortcuts
    from echosearch.search.stored_vectors import stored_vectors

    part = served.archive.seen_by(Viewer("x", Role.RESEARCHER, "young", parse_where("age < 65")))
    for call in (disagree, shortcuts, lambda archive: stored_vectors(archive, None, "studies")):
        with pytest.raises(ConfigError, match="a part of them"):
            call(part)
