"""echosearch demo: every step once, on hearts whose truth is known, so that every answer can be checked."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import tomllib
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.cli.commands.phantom import MAX_SEED
from echosearch.cli.demo.picture import draw_hits, files_of_videos
from echosearch.cli.demo.steps import alone, copy_real_ultrasound, run_json, show_command
from echosearch.cli.demo.truth import (
    QUESTIONS,
    DemoAnswer,
    Studies,
    findings_of,
    judge_query,
    judge_similar,
    marked,
    show_answer,
)
from echosearch.cli.output import note, say, say_json, table
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.patients.identity import study_uid
from echosearch.pseudonyms import load_keyring
from echosearch.search.results import MAX_TOP_K
from echosearch.settings import load_settings

__all__ = ["demo"]

ENCODER, VIEWS = "phantom-tiny", "phantom-views"
PICTURE = "hits.png"


@click.command(short_help="Try everything on synthetic hearts whose truth is known.")
@click.option("--patients", type=click.IntRange(1), default=32, show_default=True, help="About 2 studies each.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=21, show_default=True, help="Of the hearts.")
@click.option("--keep", is_flag=True, help="Keep the folder with the archive, to try more.")
@click.option("--json", "as_json", is_flag=True, help="The judged answers as JSON; all else goes to stderr.")
def demo(patients: int, seed: int, keep: bool, as_json: bool) -> None:
    """Write synthetic hearts, ingest them with the encoder that ships, search them, show the truth beside each answer.

    Each command is shown before its output. Everything happens in a temporary folder: your own archive is not
    touched, no network is used. Only a picture of the best hits stays, and with --keep all of it.

    \b
    echosearch demo
    echosearch demo --patients 8 --keep
    """
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="echosearch-demo-"))
    done = False
    try:
        with alone(folder / "home"), redirect_stdout(sys.stderr) if as_json else nullcontext():
            facts = _walk_through(folder, patients, seed)
            say()
            say("In a browser: echosearch serve --demo")
            say(f"All of this took {time.monotonic() - began:.0f} s. The best hits as a picture: {folder / PICTURE}")
        done = True
    finally:
        _leave(folder, keep, done)
    if as_json:
        say_json({"patients": patients, "seed": seed, **facts, "picture": str(folder / PICTURE)})


def _walk_through(folder: Path, patients: int, seed: int) -> dict[str, Any]:
    say("SYNTHETIC: no patient is in this. The hearts are drawn by echosearch.phantom, and the encoder that ships has")
    say("seen nothing but other such hearts: how well it finds them says nothing about patients.")
    if seed == _seed_of_training():
        note(
            f"{ENCODER} learned from hearts of seed {seed}: what follows is easier than it should be, try another seed"
        )
    cores = str(min(os.cpu_count() or 1, 8))
    show_command(
        folder, ["phantom", "write", "phantom", "--patients", str(patients), "--seed", str(seed), "--workers", cores]
    )
    studies = {study_uid(study): study for study in phantom_studies(patients, seed)}
    show_command(folder, ["encoder", "use", ENCODER])
    show_command(folder, ["encoder", "use", VIEWS])
    show_command(folder, ["ingest", "phantom/DICOM"])
    say()
    say("No report was given: what follows is found in the pictures alone. Each command's JSON is shown as a table,")
    say("on its right what is true of the study (truth.csv, reports.csv). Grades go from 0, none, to 4, severe.")
    answers = [_query(folder, number, studies) for number in range(len(QUESTIONS))]
    draw_hits(folder / PICTURE, answers, files_of_videos(folder / "phantom", load_keyring(load_settings().key_path)))
    similar = _similar(folder, studies)
    own_rank = _reports(folder, similar.asked, studies)
    say()
    say("Last, real ultrasound: the files that ship inside pydicom, of which one is a cine.")
    copy_real_ultrasound(folder / "real")
    show_command(folder, ["ingest", "real"])
    show_command(folder, ["status"])
    return {
        "studies": len(studies),
        "queries": [_facts(answer) for answer in answers],
        "similar": _facts(similar),
        "own_report_rank": own_rank,
    }


def _query(folder: Path, number: int, studies: Studies) -> DemoAnswer:
    question = QUESTIONS[number]
    where = ["--where", question.where] if question.where else []
    answer = judge_query(
        question, run_json(folder, ["query", "--report", question.text, *where, "--identified"]), studies
    )
    show_answer(answer, "truth", "its report says")
    return answer


def _similar(folder: Path, studies: Studies) -> DemoAnswer:
    """Of the study with the most findings: whatever the seed, there is one, and no encoder has a say in which."""
    target = max(studies.values(), key=lambda study: len(marked(study)))
    name = target.accession_number
    answer = judge_similar(target, run_json(folder, ["similar", name, "--top-k", "5", "--identified"]), studies)
    say(f"The truth of {name}: {findings_of(target)}. The same patient's other studies are left out.")
    show_answer(answer, "truth", "in common")
    return answer


def _reports(folder: Path, accession_number: str, studies: Studies) -> int | None:
    """Its best-matching reports; where its own stands among all."""
    show_command(folder, ["ingest", "phantom/DICOM", "--reports", "phantom/reports.csv"])
    everything = str(min(len(studies), MAX_TOP_K))
    hits = run_json(folder, ["report", accession_number, "--top-k", everything, "--identified"])["hits"]
    rows = [
        (hit["rank"], f"{hit['score']:.4f}", "own" if hit["same_study"] else None, hit["report_text"])
        for hit in hits[:5]
    ]
    table(("rank", "score", "own", "report"), rows, right=("rank", "score"))
    own = next((hit["rank"] for hit in hits if hit["same_study"]), None)
    if own is not None:
        say(f"Its own report is at {own} of {len(studies)} (drawn blindly: {(len(studies) + 1) / 2:.0f}).")
    return own


def _facts(answer: DemoAnswer) -> dict[str, Any]:
    return {**asdict(answer), "right": answer.right}


def _seed_of_training() -> int | None:
    """What training.toml beside the shipped encoder says; None if it says nothing of the kind."""
    record = shipped_bundles()[ENCODER] / "training.toml"
    if not record.is_file():
        return None
    data = tomllib.loads(record.read_text(encoding="utf-8")).get("config", {}).get("data", {})
    seed = data.get("phantom_seed")
    return seed if isinstance(seed, int) else None


def _leave(folder: Path, keep: bool, done: bool) -> None:
    """All of it with --keep, else the picture, and nothing of a demo that failed."""
    if keep:
        note(f"kept in {folder}; continue with: export ECHOSEARCH_HOME={folder / 'home'}")
    elif not done:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        for part in folder.iterdir():
            if part.name != PICTURE:
                shutil.rmtree(part, ignore_errors=True)
