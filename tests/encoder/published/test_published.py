"""Published encoders: every key accounted for, no pickle run, the authors' own numbers (slow: the whole models)."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from echosearch.encoder.bundle.folder import load_manifest, load_view_manifest
from echosearch.encoder.published import PUBLISHED_MODELS, PublishedModel, echoprime, import_published, videoechoclip
from echosearch.encoder.published.checkpoint import read_checkpoint
from echosearch.encoder.published.keys import convert
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.build import build_towers, stored_weights
from echosearch.encoder.view_classifier import frame_logits, load_views
from echosearch.errors import BundleError
from tests.encoder import formula

pytestmark = pytest.mark.usefixtures("forked_children")  # test_hostile_checkpoint.py starts a real one
VARIANTS: list[tuple[videoechoclip.Variant, str]] = [
    ("videomae2", "videomae2"),
    ("vivit-kinetics400", "vivit32"),
    ("vivit-scratch", "vivit16"),
]
TOLERANCE = 1e-4


@pytest.mark.parametrize(("variant", "tag"), VARIANTS)
def test_every_key_of_videoechoclip_goes_to_a_weight_of_ours(variant: videoechoclip.Variant, tag: str) -> None:
    with torch.device("meta"):
        published = {name: torch.empty(shape) for name, shape in formula.names_and_shapes(tag).items()}
        ours = build_towers(videoechoclip.manifest(variant, ()))
        converted = convert("x", published, videoechoclip.rules(variant), {})
    expected = {name: tensor.shape for name, tensor in stored_weights(ours).items()}
    assert {name: tensor.shape for name, tensor in converted.items()} == expected


def test_every_key_of_echoprime_goes_to_a_weight_of_ours() -> None:
    with torch.device("meta"):
        video = {name: torch.empty(shape) for name, shape in formula.names_and_shapes("prime_video").items()}
        text = {name: torch.empty(shape) for name, shape in formula.names_and_shapes("prime_text").items()}
        view = {name: torch.empty(shape) for name, shape in formula.names_and_shapes("prime_view").items()}
        converted = convert("x", video, echoprime.video_rules(video), {})
        converted |= convert("x", text, echoprime.text_rules(), {}, echoprime.UNUSED_TEXT)
        ours = build_towers(echoprime.manifest(()))
        assert len(convert("x", view, echoprime.view_rules(), {})) == len(view)
    expected = {name: tensor.shape for name, tensor in stored_weights(ours).items() if name != "logit_scale"}
    assert {name: tensor.shape for name, tensor in converted.items()} == expected


def test_missing_and_unexpected_keys_are_listed() -> None:
    with torch.device("meta"):
        state = {name: torch.empty(shape) for name, shape in formula.names_and_shapes("vivit16").items()}
    del state["visual.model.layernorm.bias"]
    state["visual.model.extra"] = torch.zeros(1)
    with pytest.raises(BundleError, match=r"missing keys: visual\.model\.layernorm\.bias; .*: visual\.model\.extra"):
        convert("some.pt", state, videoechoclip.rules("vivit-scratch"), {})


def test_another_models_checkpoint_names_a_few_keys_not_all() -> None:
    with pytest.raises(BundleError, match=r"missing keys: .* and \d+ more; unexpected keys: a"):
        convert("some.pt", {"a": torch.zeros(1)}, videoechoclip.rules("videomae2"), {})


@pytest.mark.parametrize(
    ("name", "changed", "told"),
    [
        ("visual.model.embeddings.patch_embeddings.projection.weight", torch.zeros(768, 3, 16, 16, 2), "another shape"),
        ("visual.model.embeddings.patch_embeddings.projection.weight", torch.zeros(()), r"is \(\): another shape"),
        ("visual.model.embeddings.cls_token", torch.zeros(1, 1, 9), r"should make \(768,\)"),
        ("visual.model.encoder.layer.3.attention.attention.query.bias", torch.zeros(9), "value.bias is"),
        ("text.proj.0.weight", torch.zeros(640, 768, dtype=torch.int8), "torch.int8: weights are floating-point"),
    ],
)
def test_what_is_misshapen_is_named_as_its_authors_do(name: str, changed: torch.Tensor, told: str) -> None:
    with torch.device("meta"):
        state = {own: torch.empty(shape) for own, shape in formula.names_and_shapes("vivit16").items()}
        shapes = {
            own: each.shape
            for own, each in stored_weights(build_towers(videoechoclip.manifest("vivit-scratch", ()))).items()
        }
        with pytest.raises(BundleError, match=told) as caught:
            convert("x.pt", {**state, name: changed.to("meta")}, videoechoclip.rules("vivit-scratch"), shapes)
    assert name in str(caught.value)


class Malice:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_a_malicious_checkpoint_is_refused_and_creates_nothing(tmp_path: Path) -> None:
    """Its other forms are read in test_hostile_checkpoint.py."""
    created = tmp_path / "created"
    file = tmp_path / "bad.pt"
    torch.save({"state_dict": {"a": torch.zeros(2)}, "epoch": Malice(created)}, file)
    with pytest.raises(
        BundleError, match=r"refused: it is a pickle that wants to run code.*\(it calls for (posix.mkdir|something)"
    ):
        import_published(
            "videoechoclip-vivit-scratch", file, formula.write_vocabulary(tmp_path, 32768), tmp_path / "out"
        )
    assert not created.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.pt", "vocab.txt"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"no checkpoint", "cannot be read as"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "x.pt"
    file.write_bytes(content)
    with pytest.raises(BundleError, match=told) as caught:
        read_checkpoint(file)
    assert "x.pt" in str(caught.value)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_numbers_that_are_none_are_named(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"x.{suffix}"
    state = {"a": torch.ones(3), "b": torch.tensor([1.0, float("nan")])}
    save_file(state, file) if suffix == "safetensors" else torch.save(state, file)
    with pytest.raises(BundleError, match=f"x.{suffix}: b holds what is no number"):
        read_checkpoint(file)


@pytest.mark.parametrize("form", ["torch", "legacy"])
def test_a_training_checkpoint_gives_its_tensors_alone(tmp_path: Path, form: str) -> None:
    tied = torch.arange(6.0).reshape(2, 3)
    state = {"module.a": tied, "module.b.weight": tied.t(), "module.n": torch.tensor(3)}
    whole = {"epoch": 2, "name": "run", "state_dict": state, "optimizer": {"state": {0: {"exp_avg": tied}}}}
    torch.save(whole, tmp_path / "x.pt", _use_new_zipfile_serialization=form == "torch")
    read = read_checkpoint(tmp_path / "x.pt")
    assert set(read) == {"a", "b.weight", "n"}
    assert torch.equal(read["b.weight"], tied.t())


def test_another_models_vocabulary_is_an_error_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"never read")
    with pytest.raises(BundleError, match=r"has 30522 tokens, videoechoclip-videomae2 has 32768"):
        import_published(
            "videoechoclip-videomae2", tmp_path / "x.pt", formula.write_vocabulary(tmp_path, 30522), tmp_path / "out"
        )


@pytest.mark.parametrize("kind", PUBLISHED_MODELS)
def test_a_missing_vocabulary_says_which_one(tmp_path: Path, kind: PublishedModel) -> None:
    with pytest.raises(BundleError, match="--tokenizer"):
        import_published(kind, tmp_path, tmp_path / "nowhere", tmp_path / "out")


def test_a_folder_that_is_not_echoprimes_says_what_is_missing(tmp_path: Path) -> None:
    formula.write_vocabulary(tmp_path, 30522)
    with pytest.raises(BundleError, match=r"echo_prime_encoder\.pt"):
        import_published("echoprime", tmp_path, None, tmp_path / "out")


WAYS = [
    pytest.param("cpu", torch.float32, id="fp32 on the CPU", marks=pytest.mark.slow),
    pytest.param("cpu", torch.bfloat16, id="bf16 on the CPU", marks=pytest.mark.slow),
    pytest.param("cuda", torch.bfloat16, id="bf16 on the GPU", marks=pytest.mark.gpu),
]


def close(tower: torch.nn.Module, given: np.ndarray, name: str, precision: torch.dtype) -> None:
    """fp32: the authors' numbers to 1e-4; bf16: their direction, cosine 0.999 or more."""
    device, expected = next(tower.parameters()).device, formula.outputs(name)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
        here = tower(torch.from_numpy(given).to(device)).float().cpu().numpy()
    if precision is torch.float32:
        assert np.abs(here - expected).max() < TOLERANCE
    else:
        lengths = np.linalg.norm(here, axis=-1) * np.linalg.norm(expected, axis=-1)
        assert ((here * expected).sum(axis=-1) / lengths).min() >= 0.999


@pytest.mark.parametrize(("device", "precision"), WAYS)
@pytest.mark.parametrize(("variant", "tag"), VARIANTS)
def test_videoechoclip_gives_its_authors_numbers(
    tmp_path: Path, variant: videoechoclip.Variant, tag: str, device: str, precision: torch.dtype
) -> None:
    state = {f"module.{name}": tensor for name, tensor in formula.weights(tag).items()}
    torch.save({"epoch": 9, "name": "run", "state_dict": state, "optimizer": {"state": {}}}, tmp_path / "x.pt")
    vocabulary = formula.write_vocabulary(tmp_path / "tokenizer", 32768)
    made = import_published(f"videoechoclip-{variant}", tmp_path / "x.pt", vocabulary, tmp_path / "out")  # type: ignore[arg-type]
    encoder = load_encoder(tmp_path / "out", device)
    assert encoder.id == made
    assert load_manifest(tmp_path / "out").sources[0].name == "x.pt"
    frames = encoder.clip_spec.frames
    rng = np.random.default_rng([7, 0])
    clip = rng.standard_normal((1, frames, 3, 224, 224)).astype("float32")
    ids = rng.integers(5, 32768, (2, 256))
    ids[0, 120:] = 0
    ids[1, 30:] = 0
    ids[:, 0] = 2
    close(encoder.tower("video"), clip.transpose(0, 2, 1, 3, 4), f"{tag}_video", precision)
    close(encoder.tower("text"), ids, f"{tag}_text", precision)


@pytest.mark.parametrize(("device", "precision"), WAYS)
def test_echoprime_gives_its_authors_numbers(tmp_path: Path, device: str, precision: torch.dtype) -> None:
    write_echoprime(tmp_path / "model_data")
    vocabulary = formula.write_vocabulary(tmp_path / "vocabulary", 30522)
    import_published("echoprime", tmp_path / "model_data", vocabulary, tmp_path / "out")
    encoder = load_encoder(tmp_path / "out", device)
    rng = np.random.default_rng([7, 0])
    clip = rng.standard_normal((1, 3, 16, 224, 224)).astype("float32")
    image = rng.standard_normal((2, 3, 224, 224)).astype("float32")
    ids = rng.integers(5, 30522, (2, 512))
    ids[0, 200:] = 0
    ids[1, 40:] = 0
    ids[:, 0] = 2
    close(encoder.tower("video"), clip, "prime_video", precision)
    close(encoder.tower("text"), ids, "prime_text", precision)
    views = Frames(load_views(tmp_path / "out-views", device).tower)
    close(views, image, "prime_view", precision)
    assert next(iter(load_view_manifest(tmp_path / "out-views").labels)) == "A2C"


@pytest.mark.slow
def test_echoprime_without_its_vocabulary_is_for_videos_only(tmp_path: Path) -> None:
    write_echoprime(tmp_path / "model_data")
    import_published("echoprime", tmp_path / "model_data", None, tmp_path / "out")
    with pytest.raises(BundleError, match="--tokenizer"):
        load_encoder(tmp_path / "out", "cpu").encode_texts(["severe mitral regurgitation"])


def write_echoprime(model_data: Path) -> None:
    (model_data / "weights").mkdir(parents=True)
    for part, name in echoprime.FILES.items():
        torch.save(formula.weights(f"prime_{part}"), model_data / "weights" / name)


class Frames(torch.nn.Module):
    """A view classifier's tower on single frames: (B, 3, S, S) -> (B, classes)."""

    def __init__(self, tower: torch.nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return frame_logits(self.tower, frames[:, :, None])[:, 0]
