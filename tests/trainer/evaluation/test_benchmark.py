"""Benchmarks evaluated end to end on small files, and EF with few labels on vectors whose answer is known."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from echosearch.cli.main import cli
from echosearch.encoder.fake import FakeEncoder
from echosearch.search.arms.prompts import value_prompts
from echosearch.vector import unit
from tests.cli.json_schema import check_json
from tests.trainer.data.benchmark_files import write_camus, write_cardiobench, write_echonet, write_nifti
from trainer.evaluation import benchmark
from trainer.evaluation.few_shot import EfStudies, ef_prompts, few_shot, labelled_rows, shot_errors
from trainer.evaluation.ordinal_head import OrdinalHead, Part, band_texts, padded_clips, read_ef_with, train_head

GREY = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)


def test_shots_are_labels_for_every_integer_ef() -> None:
    ef = np.array([50.0, 50.2, 49.9, 31.0, 62.4, 62.3])
    rng = np.random.default_rng(0)
    for shots, expected in ((1, 3), (2, 5), (8, 6)):
        rows = labelled_rows(ef, shots, rng)
        assert len(rows) == expected
        assert max(np.unique(np.round(ef[rows]), return_counts=True)[1]) <= shots


def hearts(encoder: FakeEncoder, seed: int, count: int) -> EfStudies:
    """Studies of three clips, one of which says the EF by its place between two vectors; the others are noise."""
    rng = np.random.default_rng(seed)
    one, other = unit(encoder.encode_texts(["low", "high"])).astype(np.float64)
    ef = rng.uniform(15, 80, count)
    clips = []
    for value in ef:
        share = (value - 15) / 65
        told = unit((one * (1 - share) + other * share)[None].astype(np.float32))[0]
        clips.append(np.stack([told, *(0.1 * rng.standard_normal((2, len(one))))]).astype(np.float32))
    return EfStudies(ef, np.stack([each.mean(axis=0) for each in clips]), tuple(clips))


def test_labels_teach_every_way() -> None:
    encoder = FakeEncoder(dimension=32)
    train, test = hearts(encoder, 1, 120), hearts(encoder, 2, 60)
    found = {(one.way, one.shots): one for one in few_shot(encoder, train, test, shots=(1, 2), draws=1)}
    nothing = float(np.abs(test.ef - test.ef.mean()).mean())
    assert found["probe", None].error < nothing / 2
    assert found["ordinal", None].error < nothing / 2
    assert found["line", 1].labels < found["line", 2].labels < 120
    assert found["prompts", 0].low == found["prompts", 0].error


def test_errors_study_by_study_are_what_a_comparison_prints() -> None:
    encoder = FakeEncoder(dimension=32)
    train, test = hearts(encoder, 1, 40), hearts(encoder, 2, 20)
    found = few_shot(encoder, train, test, shots=(1,), draws=2, ways=("probe",))
    each = [*shot_errors(ef_prompts(encoder), train, test, (1, None), 2, ("probe",))]
    assert [one.errors.shape for one in each] == [(2, 20), (1, 20)]
    assert [one.condensed() for one in each] == list(found[1:])
    held = next(shot_errors(ef_prompts(encoder), train, test, (None,), 1, ("probe",), ridge=1e6))
    line = next(shot_errors(ef_prompts(encoder), train, test, (None,), 1, ("line",)))
    assert held.errors == pytest.approx(line.errors, abs=1e-2)  # a probe held that strongly is the line


@pytest.mark.parametrize("without", [None, "attention", "kl"])
def test_a_head_is_trained_without_a_part(without: Part | None) -> None:
    encoder = FakeEncoder(dimension=32)
    train = hearts(encoder, 1, 40)
    texts = band_texts(*ef_prompts(encoder))
    clips, valid = padded_clips(train.clips)
    head = train_head(texts, clips, valid, train.ef, steps=20, without=without)
    whole = train_head(texts, clips, valid, train.ef, steps=20)
    read, of_whole = (read_ef_with(one, clips, valid) for one in (head, whole))
    assert np.allclose(read, of_whole) == (without is None)
    turned = clips.flip(1)  # the order of clips is nothing; which clip says it is, unless all count alike
    assert read_ef_with(head, turned, valid) == pytest.approx(read, abs=1e-3)
    mean = clips.mean(dim=1, keepdim=True)
    from_mean = read_ef_with(head, mean, valid[:, :1])
    assert np.allclose(from_mean, read, atol=1e-3) == (without == "attention")


def test_an_untrained_head_reads_what_the_texts_say_and_no_other_study_matters() -> None:
    encoder = FakeEncoder(dimension=32)
    asked = value_prompts("lvef")
    assert asked is not None
    prompts = np.stack([unit(encoder.encode_texts(level.meanings[0])).mean(axis=0) for level in asked.levels])
    texts = band_texts(np.array([level.value for level in asked.levels]), prompts)
    clips, valid = padded_clips([texts[k][None].numpy() for k in range(5)])
    read = read_ef_with(OrdinalHead(texts), clips, valid)
    assert (np.diff(read) > 0).all()
    head = train_head(texts, clips, valid, np.array([20.0, 40.0, 50.0, 60.0, 80.0]), steps=3)
    alone = [read_ef_with(head, clips[k : k + 1], valid[k : k + 1])[0] for k in range(5)]
    assert read_ef_with(head, clips, valid) == pytest.approx(alone, abs=1e-4)
    # a clip that is not there changes nothing
    more, there = padded_clips([texts[0][None].numpy(), texts[[1, 2]].numpy()])
    assert read_ef_with(head, more, there)[0] == pytest.approx(alone[0], abs=1e-4)


def test_benchmarks_are_evaluated_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the clips are kept
    monkeypatch.setattr(benchmark, "few_shot", partial(few_shot, shots=(1,), draws=1))  # 20 draws take long
    write_echonet(tmp_path / "EchoNet-Dynamic", 15)
    args = ["evaluate", "phantom-tiny", "--benchmark", "EchoNet-Dynamic", "--device", "cpu"]
    shown = CliRunner().invoke(cli, [*args, "--json"], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    check_json([*args, "--json"], shown.stdout)
    found = json.loads(shown.stdout)
    assert (found["benchmark"], found["labelled"], found["test"], found["missing"]) == ("EchoNet-Dynamic", 10, 5, 1)
    assert found["tracings"]["value"] == pytest.approx(0, abs=1e-6)
    assert {(one["way"], one["shots"]) for one in found["few_shot"]} >= {
        ("prompts", 0),
        ("ordinal", 1),
        ("probe", None),
    }
    assert found["auc"] is None
    write_camus(tmp_path / "CAMUS", 6)
    shown = CliRunner().invoke(cli, ["evaluate", "phantom-tiny", "--benchmark", "CAMUS", "--device", "cpu"])
    assert shown.exit_code == 0, shown.output
    assert "EF error by prompts" in shown.stdout
    videos = []
    for number in range(8):
        write_nifti(tmp_path / f"p{number}.nii.gz", GREY)
        videos.append((f"p{number}.nii.gz", "A4C", f"p{number}", number % 2, "train" if number < 4 else "test"))
    write_cardiobench(tmp_path / "list.csv", videos)
    args = ["evaluate", "phantom-tiny", "--benchmark", "list.csv", "--device", "cpu", "--json"]
    shown = CliRunner().invoke(cli, args, catch_exceptions=False)
    check_json(args, shown.stdout)
    found = json.loads(shown.stdout)
    assert found["auc"]["value"] == 0.5  # of the same pictures
    assert (found["probe_auc"], found["error"]) == (None, None)
    wrong = CliRunner().invoke(cli, ["evaluate", "phantom-tiny", "--root", "."])
    assert (wrong.exit_code, "are about a --benchmark" in wrong.output) == (2, True)
