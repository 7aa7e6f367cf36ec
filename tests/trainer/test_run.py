"""Whole runs on a tiny phantom: stopped and resumed, exported, loaded, evaluated."""

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from echosearch.cli.main import cli
from echosearch.clip import Clip
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.build import normalise
from echosearch.encoder.towers.video_conv import VideoConv
from echosearch.errors import BundleError, ConfigError
from tests.support.forked_program import python
from trainer.config import TrainConfig
from trainer.config_file import load
from trainer.data.batches import Batches
from trainer.data.cache import ClipCache
from trainer.evaluation.retrieval import both_ways
from trainer.loop.checkpoint import Checkpoint, write_state
from trainer.loop.fit import fit
from trainer.loop.watch import Moment
from trainer.model.embed import embed_studies
from trainer.model.phrase_table import PhraseTable
from trainer.model.trainee import Trainee, study_means
from trainer.run import export_bundle, prepare_run, train
from trainer.training_record import Training, read_training
from trainer.warm_start.video_head import begin_heads
from trainer.warm_start.view_pretraining import begin_trunk, kinds_of


def weights(config: TrainConfig, *stops: int) -> dict[str, torch.Tensor]:
    """The towers at the end of a run that was stopped behind each of ``stops``."""
    for stop in (*stops, config.optim.steps):
        prepared = prepare_run(config)
        outcome = fit(config, prepared.start, prepared.studies["train"], prepared.cache, stop_after=stop)
        assert outcome.step == stop
    return prepared.start.towers.state_dict()


CONV = ["model.video={architecture='video_conv', widths=[8, 8, 16], readout=4, compressed=16, gates=10}"]


CONVNEXT = ["model.video={architecture='convnext', depths=[1,1,1,1], widths=[8,8,8,8]}"]
STILLS = ["model.video={architecture='video_conv', widths=[8,8,16], readout=4, compressed=16, gates=10, time='stills'}"]


TURNS = ["model.video={architecture='video_conv', widths=[8, 8, 16], readout=4, compressed=16, gates=10, turns=3}"]
FIRST = ["optim.kinds_first=2", "optim.heads_first=true", "optim.scaled=true"]


@pytest.mark.parametrize(
    "first",
    [[], [*CONV, *FIRST], [*TURNS, *FIRST, "model.clip.frames=3"], [*STILLS, *FIRST, "data.frames_seen=1"]],
)
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(toml: Path, tmp_path: Path, first: list[str]) -> None:
    more = [*first, "model.whiten=true", "optim.accumulate=2", "data.shift=1", "optim.steps=4"]
    whole = weights(load(toml, [*more, f"run.out={tmp_path / 'whole'}"]))
    broken = weights(load(toml, [*more, f"run.out={tmp_path / 'broken'}"]), 1, 3)
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    kept = [json.loads(line) for line in (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in kept] == [1, 2, 3, 4]


def test_a_checkpoint_of_another_config_is_refused(toml: Path) -> None:
    prepared = prepare_run(load(toml))
    fit(prepared.config, prepared.start, prepared.studies["train"], prepared.cache, stop_after=1)
    other = prepare_run(load(toml, ["optim.lr=0.5"]))
    with pytest.raises(ConfigError, match="another config or other data"):
        fit(other.config, other.start, other.studies["train"], other.cache)


def test_a_run_that_diverges_says_so_at_once(toml: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the run has diverged \(.*nan"):
        train(load(toml, ["optim.lr=1e12", "optim.warmup=0"]))
    assert "NaN" not in (tmp_path / "run" / "metrics.jsonl").read_text()


def test_a_signal_ends_a_run_behind_its_step_with_a_checkpoint(toml: Path, tmp_path: Path) -> None:
    """SIGTERM, then SIGINT of the run that goes on; what they leave goes on to where an unbroken run ends."""
    whole = weights(load(toml, [f"run.out={tmp_path / 'whole'}"]))
    for number, step in ((signal.SIGTERM, 2), (signal.SIGINT, 4)):
        before = signal.getsignal(number)
        prepared = prepare_run(load(toml))

        def tell(moment: Moment, number: signal.Signals = number, step: int = step) -> None:
            if moment.step == step:
                signal.raise_signal(number)

        outcome = fit(prepared.config, prepared.start, prepared.studies["train"], prepared.cache, progress=tell)
        assert (outcome.step, outcome.finished) == (step, False)
        assert signal.getsignal(number) == before
    resumed = weights(load(toml))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_bundle_that_is_there_is_told_before_the_training(toml: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "bundle").mkdir(parents=True)
    with pytest.raises(BundleError, match="exists already"):
        train(load(toml))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["bundle"]


@pytest.mark.parametrize("damage", ["text", "no chance", "a weight less"])
def test_a_damaged_checkpoint_is_a_line(toml: Path, tmp_path: Path, damage: str) -> None:
    prepared = prepare_run(load(toml))
    fit(prepared.config, prepared.start, prepared.studies["train"], prepared.cache, stop_after=1)
    file = tmp_path / "run" / "checkpoint.pt"
    state = torch.load(file, weights_only=True)
    if damage == "no chance":
        state["chance"] = []
    else:
        state["model"].popitem()
    file.write_text("hello") if damage == "text" else torch.save(state, file)
    (tmp_path / "run" / "metrics.jsonl").write_text("garbage\n{}\n")
    with pytest.raises(ConfigError, match="remove it to start over"):
        fit(prepared.config, prepared.start, prepared.studies["train"], prepared.cache)


def test_a_checkpoint_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = Checkpoint(1, "d", {"w": torch.zeros(3)}, {}, [])
    write_state(tmp_path / "c.pt", state)
    whole = (tmp_path / "c.pt").read_bytes()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_state(tmp_path / "none" / "c.pt", state)
    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(ConfigError, match="a full disk"):
        write_state(tmp_path / "c.pt", Checkpoint(2, "d", {}, {}, []))
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]
    assert (tmp_path / "c.pt").read_bytes() == whole


def fill_the_disk(*_: object) -> None:
    raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")  # as torch says it


@pytest.mark.parametrize("damage", ["*.json", "*.npy", "*.valid.npy"])
def test_a_damaged_cache_is_made_again(toml: Path, tmp_path: Path, damage: str) -> None:
    config = load(toml, [f"data.cache={tmp_path / 'clips'}", "data.patients=1", "data.split=[1.0,0.0,0.0]"])
    (study, *_) = prepare_run(config).studies["train"]
    clip = prepare_run(config).cache.clip(study.videos[0].key)
    for file in (tmp_path / "clips").rglob(damage):
        file.write_bytes(file.read_bytes()[:50])
    again = prepare_run(config).cache
    assert np.array_equal(again.clip(study.videos[0].key).pixels, clip.pixels)
    assert not [*(tmp_path / "clips").rglob(".*")]


def test_the_scale_comes_down_from_its_upper_end(toml: Path) -> None:
    config = load(toml, ["loss.temperature=0.001", "loss.table=0"])
    prepared = prepare_run(config)
    batches = Batches(prepared.studies["train"], prepared.cache, prepared.start.tokenizer, config)
    trainee = Trainee(prepared.start.towers, config.model.clip, config.loss)
    assert float(trainee.towers.logit_scale.detach().exp()) == pytest.approx(100)
    trainee(batches.step(0)[0])["loss"].backward()
    assert trainee.towers.logit_scale.grad is not None
    assert float(trainee.towers.logit_scale.grad) != 0


@pytest.mark.parametrize("more", [["data.shift=3"], [*CONVNEXT, "data.frames_seen=1"]])
def test_two_processes_see_the_pixels_of_one(toml: Path, more: list[str]) -> None:
    config = load(toml, [*more, "data.split=[1.0,0.0,0.0]"])
    prepared = prepare_run(config)

    def pixels(rank: int, world: int) -> torch.Tensor:
        given = (prepared.studies["train"], prepared.cache, prepared.start.tokenizer, config)
        return Batches(*given, rank, world).step(0)[0].pixels

    assert torch.equal(torch.cat([pixels(0, 2), pixels(1, 2)]), pixels(0, 1))


def test_a_trained_bundle_with_turns_opens_and_tells_a_clip_from_its_frames_backwards(
    toml: Path, tmp_path: Path
) -> None:
    config = load(toml, [*TURNS, "model.video.time=bag", "model.clip.frames=4"])
    train(config)
    encoder = load_encoder(tmp_path / "run" / "bundle", "cpu")
    pixels = np.random.default_rng(4).integers(0, 255, (4, 32, 32, 3)).astype(np.uint8)
    clips = [Clip("a", pixels, 4), Clip("b", np.ascontiguousarray(pixels[::-1]), 4)]
    forth, back = encoder.encode_clips(clips)
    assert np.linalg.norm(forth - back) > 1e-3 * np.linalg.norm(forth)


def test_heads_first_put_videos_and_phrases_of_training_together(toml: Path, tmp_path: Path) -> None:
    """Before any step, on studies it has seen: the table tells more of their reports than how common phrases are."""
    config = load(toml, [*CONV, "optim.heads_first=true", "data.patients=8", "data.split=[1.0,0.0,0.0]"])
    prepared = prepare_run(config)
    batches = Batches(prepared.studies["train"], prepared.cache, prepared.start.tokenizer, config)
    table = PhraseTable(batches.shares, config.model.dimension)
    (batch,) = batches.step(0)
    tower = prepared.start.towers.video

    def loss() -> float:
        with torch.no_grad():
            videos = tower(normalise(batch.pixels, batch.n_valid, config.model.clip))
            return float(table.loss(study_means(videos, batch.owner, batch.n_studies), batch.report_phrases))

    with torch.no_grad():
        nothing = torch.zeros(batch.n_studies, config.model.dimension)
        common = float(table.loss(nothing, batch.report_phrases))
    at_random = loss()
    begin_heads(tower, table, batches, prepared.cache, config)
    assert loss() < 0.95 * common < at_random


def test_kinds_first_tell_views_apart(toml: Path) -> None:
    """After it, what is anywhere in a video differs more from kind to kind, as against within one."""
    config = load(toml, [*CONV, "optim.kinds_first=60", "data.patients=8", "data.split=[1.0,0.0,0.0]"])
    prepared = prepare_run(config)
    batches = Batches(prepared.studies["train"], prepared.cache, prepared.start.tokenizer, config)
    tower = prepared.start.towers.video
    apart = [_spread_of_kinds(tower, batches, prepared.cache, config)]
    begin_trunk(tower, batches.studies, prepared.cache, config)
    apart.append(_spread_of_kinds(tower, batches, prepared.cache, config))
    assert apart[1] > 1.5 * apart[0]


def _spread_of_kinds(tower: torch.nn.Module, batches: Batches, cache: ClipCache, config: TrainConfig) -> float:
    """Variance of the kinds' means as a share of the variance within kinds."""
    assert isinstance(tower, VideoConv)
    kinds = torch.tensor(kinds_of(batches.studies))
    clips = [cache.clip(video.key) for _, videos in batches.studies for video in videos]
    with torch.no_grad():
        pixels = torch.from_numpy(np.stack([clip.pixels for clip in clips]))
        given = normalise(pixels, torch.tensor([clip.n_valid for clip in clips]), config.model.clip)
        seen = tower.places.seen(tower.trunk(given)).reshape(len(clips), 3, -1, 4).mean(dim=2).flatten(1)
    means = torch.stack([seen[kinds == kind].mean(dim=0) for kind in kinds.unique()])
    within = torch.cat([seen[kinds == kind] - mean for kind, mean in zip(kinds.unique(), means, strict=True)])
    return float((means - means.mean(dim=0)).square().sum(dim=1).mean() / within.square().sum(dim=1).mean())


@pytest.mark.parametrize(("term", "tower"), [("loss.negation=1.0", "text"), ("loss.view=0.5", "video")])
def test_a_term_of_the_loss_reaches_its_tower(toml: Path, tmp_path: Path, term: str, tower: str) -> None:
    few = ["optim.steps=2", "loss.table=0"]
    without = weights(load(toml, [*few, f"run.out={tmp_path / 'without'}"]))
    with_it = weights(load(toml, [*few, term, f"run.out={tmp_path / 'with'}"]))
    moved = {name for name in without if not torch.equal(without[name], with_it[name])}
    assert any(name.startswith(f"{tower}.") for name in moved)
    lines = [json.loads(line) for line in (tmp_path / "with" / "metrics.jsonl").read_text().splitlines()]
    assert ("view" in lines[0]) == ("view" in term)


def test_without_the_contrastive_loss_videos_learn_from_the_table_alone(toml: Path) -> None:
    config = load(toml, ["loss.contrastive=0", "optim.steps=2"])
    prepared = prepare_run(config)
    towers = prepared.start.towers
    before = {name: tensor.clone() for name, tensor in towers.state_dict().items()}
    outcome = fit(config, prepared.start, prepared.studies["train"], prepared.cache)
    assert outcome.losses["loss"] == pytest.approx(config.loss.table * outcome.losses["table"])
    after = towers.state_dict()
    assert {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])} == {"video"}


def test_a_trained_bundle_may_read_each_phrase_by_itself(toml: Path, tmp_path: Path) -> None:
    train(load(toml, ["model.text_format='each_phrase_ja'", "optim.steps=2"]))
    encoder = load_encoder(tmp_path / "run" / "bundle", "cpu")
    assert max(encoder.golden_difference.values()) < 1e-5
    whole, *apart = encoder.encode_texts(
        ["左室拡大なし。軽度の僧帽弁逆流あり。", "左室拡大なし", "軽度の僧帽弁逆流あり"]
    )
    np.testing.assert_allclose(whole, np.mean(apart, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("text_format", ["phrases_ja", "each_phrase_ja"])
def test_a_locked_video_tower_stays_and_texts_learn_around_it(toml: Path, tmp_path: Path, text_format: str) -> None:
    """Two stages: the second takes the first's video tower as it is, and its texts find their videos."""
    everyone = [*CONV, "data.patients=8", "data.split=[1.0,0.0,0.0]"]
    first = load(toml, [*everyone, "optim.heads_first=true", "optim.steps=0", f"run.out={tmp_path / 'first'}"])
    train(first)
    started = f"model.start_video={tmp_path / 'first' / 'bundle'}"
    texts = ["optim.lock_video=true", "optim.table_first=true", "optim.texts_first=true", started]
    wide = ["model.text.projection_width=256", "optim.steps=2", "optim.lr=1e-5", f"model.text_format='{text_format}'"]
    config = load(toml, [*everyone, *texts, *wide, f"run.out={tmp_path / 'second'}"])
    prepared = prepare_run(config)
    before = {name: tensor.clone() for name, tensor in prepared.start.towers.video.state_dict().items()}
    fit(config, prepared.start, prepared.studies["train"], prepared.cache)
    after = prepared.start.towers.video.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    given = (prepared.start, prepared.studies["train"], prepared.cache, config.data.eval_views, config)
    found = embed_studies(*given)
    assert len(found.studies) > 10
    assert both_ways(found.videos, found.texts).mrr.value > 0.5  # on studies it has seen; chance is under 0.3


def test_a_tower_that_has_learned_goes_on_with_a_table_over_its_videos(toml: Path, tmp_path: Path) -> None:
    everyone = [*CONV, "data.patients=8", "data.split=[1.0,0.0,0.0]", "loss.contrastive=0"]
    train(load(toml, [*everyone, "optim.heads_first=true", "optim.steps=0", f"run.out={tmp_path / 'first'}"]))
    onwards = [*everyone, f"model.start_video={tmp_path / 'first' / 'bundle'}", "optim.steps=1"]
    lost = {
        table_first: train(
            load(toml, [*onwards, f"optim.table_first={table_first}", f"run.out={tmp_path / table_first}"])
        )
        for table_first in ("true", "false")
    }
    assert lost["true"].losses["table"] < 0.9 * lost["false"].losses["table"]


def test_videos_go_on_towards_a_text_tower_that_stays(toml: Path, tmp_path: Path) -> None:
    everyone = [*CONV, "data.patients=8", "data.split=[1.0,0.0,0.0]"]
    train(load(toml, [*everyone, "optim.heads_first=true", "optim.steps=0", f"run.out={tmp_path / 'first'}"]))
    locked = [f"model.start={tmp_path / 'first' / 'bundle'}", "loss.contrastive=0", "optim.lock_text=true"]
    config = load(toml, [*everyone, *locked, "optim.steps=20", "optim.batch=12", f"run.out={tmp_path / 'second'}"])
    prepared = prepare_run(config)
    before = {name: tensor.clone() for name, tensor in prepared.start.towers.state_dict().items()}
    stopped = fit(config, prepared.start, prepared.studies["train"], prepared.cache, stop_after=1)
    ended = fit(config, prepared.start, prepared.studies["train"], prepared.cache)
    after = prepared.start.towers.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"video"}
    assert ended.losses["table"] < stopped.losses["table"]


def test_a_trained_bundle_loads_and_is_evaluated(toml: Path, tmp_path: Path) -> None:
    config = load(toml, ["data.split=[0.5,0.0,0.5]", "optim.batch=2", "optim.steps=2"])
    outcome = train(config)
    assert outcome.finished
    bundle = tmp_path / "run" / "bundle"
    encoder = load_encoder(bundle, "cpu")
    assert encoder.id.trained
    assert "synthetic" in encoder.id.provenance
    assert max(encoder.golden_difference.values()) < 1e-5
    assert read_training(bundle) == Training(config)
    shown = CliRunner().invoke(cli, ["evaluate", str(bundle), "--json", "--device", "cpu"])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["studies"] >= 2
    assert 0 < found["retrieval"]["mrr"]["value"] <= 1
    assert found["retrieval"]["mcmrr"]["value"] >= 1  # a rank
    assert found["ann_recall"]["value"] == 1.0
    assert found["calibration"] is None  # reports of so few studies calibrate nothing
    assert found["near_duplicates_checked"]
    again = load(toml, [f"model.start={bundle}", f"run.out={tmp_path / 'again'}"])
    same = load_encoder(bundle, "cpu").encode_texts(["左室拡大なし"])
    start = prepare_run(again)
    export_bundle(start, 0, tmp_path / "same")
    assert np.allclose(load_encoder(tmp_path / "same", "cpu").encode_texts(["左室拡大なし"]), same, atol=1e-6)


def evaluated(*args: str) -> tuple[int, str]:
    shown = CliRunner().invoke(cli, ["evaluate", *args, "--json", "--device", "cpu"])
    return shown.exit_code, shown.output if shown.exit_code else shown.stdout


def test_patients_that_any_run_before_has_seen_are_found(toml: Path, tmp_path: Path) -> None:
    """With another seed of the split, behind a second stage, drawn or written to files, and where data have moved."""
    half = ["data.patients=4", "data.split=[0.5,0.0,0.5]", "optim.batch=2", "optim.steps=1"]
    first, second = tmp_path / "first" / "bundle", tmp_path / "second" / "bundle"
    train(load(toml, [*half, f"run.out={first.parent}"]))
    train(load(toml, [*half, "seed=99", f"model.start={first}", f"run.out={second.parent}"]))
    settings = [word for setting in half for word in ("--set", setting)]
    given = ["--config", str(toml), *settings]
    code, said = evaluated(str(first), *given)
    assert (code, json.loads(said)["patients_checked"], json.loads(said)["near_duplicates_checked"]) == (0, True, True)
    code, said = evaluated(str(first), *given, "--set", "seed=99", "--set", "data.workers=2")
    assert (code, "patients are on both sides" in said) == (1, True)
    code, said = evaluated(str(second), *given, "--set", "seed=99")
    assert (code, "patients are on both sides" in said) == (1, True)  # the first stage's

    folder = tmp_path / "archive"
    written = ["phantom", "write", str(folder), "--patients", "4", "--seed", "77", "--frames", "16"]
    assert CliRunner().invoke(cli, written).exit_code == 0
    of_folder = ["--set", "data.source=folder", "--set", f"data.folder={folder}"]
    code, said = evaluated(str(first), *given, *of_folder, "--split", "all")
    assert (code, "patients are on both sides" in said) == (1, True)  # drawn in training, written here
    third = tmp_path / "third" / "bundle"
    train(load(toml, [*half, "data.source=folder", f"data.folder={folder}", f"run.out={third.parent}"]))
    folder.rename(tmp_path / "moved")
    code, said = evaluated(str(third), *given, "--set", "data.phantom_seed=78")
    assert (code, json.loads(said)["patients_checked"]) == (0, False)


def test_two_processes_train_together(toml: Path, tmp_path: Path) -> None:
    """torchrun, gloo: both stop at the same step and the losses are those of one process."""
    out = tmp_path / "two"
    settings = ["loss.table=0", "optim.steps=2", "data.split=[1.0,0.0,0.0]"]
    command = [
        *(python(), "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "trainer"),
        *(str(toml), "--set", f"run.out={out}", *(word for s in settings for word in ("--set", s))),
    ]
    started = os.environ | {"PYTHON_EXEC": python()}  # by torchrun
    done = subprocess.run(command, env=started, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    one = load(toml, [*settings, f"run.out={tmp_path / 'one'}"])
    prepared = prepare_run(one)
    fit(one, prepared.start, prepared.studies["train"], prepared.cache)

    def first_loss(folder: Path) -> float:
        return float(json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])["contrastive"])

    # dropout differs between processes, so that only the size can be compared; the exact test is test_loss.py's
    assert first_loss(out) == pytest.approx(first_loss(tmp_path / "one"), abs=0.3)
    assert load_encoder(out / "bundle", "cpu").id.trained


def test_the_command_says_what_is_wrong(toml: Path) -> None:
    shown = CliRunner().invoke(cli, ["train", str(toml), "--set", "optim.speed=1"])
    assert shown.exit_code == 1
    assert "optim.speed: unknown key" in shown.output


@pytest.mark.parametrize("text_format", ["phrases_ja", "each_phrase_ja"])
def test_the_terms_of_words_and_views_are_learned(toml: Path, tmp_path: Path, text_format: str) -> None:
    config = load(toml, ["loss.negation=1", "loss.view=0.1", "optim.steps=2", f"model.text_format='{text_format}'"])
    prepared = prepare_run(config)
    batch = Batches(prepared.studies["train"], prepared.cache, prepared.start.tokenizer, config).step(0)[0]
    assert len(batch.twin_owner) > 0
    assert batch.twin_of.unique().tolist() == [*range(len(batch.twin_owner))]
    assert len(batch.views) == len(batch.owner)
    assert len(batch.patients) == batch.n_studies
    outcome = fit(config, prepared.start, prepared.studies["train"], prepared.cache)
    parts = (outcome.losses["table"], outcome.losses["contrastive"], outcome.losses["words"])
    assert outcome.losses["loss"] == pytest.approx(sum(parts) + 0.1 * outcome.losses["view"])
    export_bundle(prepared, 2, tmp_path / "bundle")  # no weight of a term is in it
    assert load_encoder(tmp_path / "bundle", "cpu").id.trained
