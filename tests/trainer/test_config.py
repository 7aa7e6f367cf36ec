"""TrainConfig: strict, frozen, and the shipped ones load."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import trainer
from echosearch.errors import ConfigError
from trainer.config_file import load
from trainer.loop.schedule import learning_rate

CONFIGS = sorted((Path(trainer.__file__).parent / "configs").glob("*.toml"))


def test_settings_go_on_top(toml: Path) -> None:
    config = load(toml, ["optim.lr=5e-5", "name=other", "data.train_views=['4CH']", "run.tensorboard=true"])
    assert (config.optim.lr, config.name, config.data.train_views) == (5e-5, "other", ("4CH",))
    assert config.run.tensorboard
    with pytest.raises(ValidationError):
        config.seed = 4


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("optim.learning_rate=1", r"optim\.learning_rate: unknown key"),
        ("sed=1", "sed: unknown key"),
        ("optim.steps=-1", r"optim\.steps: .*greater than or equal to 0"),
        ("data.split=[0.5,0.4,0.3]", "sum to 1"),
        ("optim.accumulate=3", "multiple of accumulate"),
        ("loss={contrastive=0.0, table=0.0}", "nothing is learned"),
        ("data.enrich=['ms']", "enrich_from .* go together"),
        ("data={source='render', enrich=['masses'], enrich_from=5}", "no finding 'masses'"),
        ("data={source='render', enrich=['septal_early'], enrich_from=5}", "no finding 'septal_early'"),
        ("data={source='archive', enrich=['ms'], enrich_from=5}", "for source 'render'"),
        ("loss={contrastive=0.0, table=1.0, negation=1.0}", "joins the contrastive loss"),
        ("loss.negation=-1", r"loss\.negation: "),
        ("optim.lock_text=true", r"set model\.start"),
        ("optim.lr", "write key=value"),
        ("seed=-1", "seed: .*greater than or equal to 0"),
        ("data.phantom_seed=-1", r"data\.phantom_seed: "),
        ("optim.lr=inf", r"optim\.lr: .*finite"),
        ("loss.temperature=nan", r"loss\.temperature: .*finite"),
        ("loss.max_scale=0", r"loss\.max_scale: "),
        ("model.clip.mean=[nan,0,0]", r"model\.clip\.mean\.0: .*finite"),
        ("optim.betas=[1.0,2.0]", r"optim\.betas\.0: "),
        ("data.train_views=[]", r"data\.train_views: "),
        ("data.frames_seen=1", "a convnext takes 1 to 2 frames"),
        ("optim.batch=1", "compared with the others"),
        ("name='a b'", "name: "),
        ("name.first=1", "name is a value"),
    ],
)
def test_a_wrong_setting_names_its_key(toml: Path, setting: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(toml, [setting])


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("name = ")
    with pytest.raises(ConfigError, match="not TOML"):
        load(tmp_path / "c.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_what_does_not_change_the_result_does_not_change_the_digest(toml: Path) -> None:
    config = load(toml)
    assert load(toml, ["run.out=elsewhere", "data.workers=4", "name=x"]).digest() == config.digest()
    assert load(toml, ["seed=4"]).digest() != config.digest()
    before = load(toml, ["loss.negation=0", "loss.view=0", "loss.twins_per_study=8", "model.start_text=''"])
    metric = ("model.clip.field_mm=200.0", "data.augment.reach=[0.7, 1.0]", "data.augment.depth_share=0.5")
    assert before.digest() == config.digest()
    for term in ("loss.negation=1", "loss.view=1", "model.start_text=x", *metric):
        assert load(toml, [term]).digest() != config.digest()


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_shipped_configs_load(file: Path) -> None:
    if "kind" in file.read_text(encoding="utf-8").split("=")[0]:
        from trainer.view_classifier import load_view_config

        assert load_view_config(file).name
    else:
        assert load(file).name


def test_the_ablations_of_the_paper_are_there() -> None:
    assert {"multivideo", "multivideo-4ch", "singlevideo", "singleimage"} <= {file.stem for file in CONFIGS}


def test_learning_rate_warms_up_and_falls(toml: Path) -> None:
    optim = load(toml, ["optim.steps=102", "optim.warmup=2", "optim.lr=1.0", "optim.lr_end=0.1"]).optim
    rates = [learning_rate(step, optim) for step in range(102)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[-1] == pytest.approx(0.1)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert learning_rate(2 + 99 // 2, optim) == pytest.approx(0.55, abs=0.02)
