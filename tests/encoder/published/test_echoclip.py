"""EchoCLIP and EchoCLIP-R: their two tokenizers, their keys, and (slow) open_clip 2.24's own numbers."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from echosearch.encoder.bundle.manifest import ConvNextSpec
from echosearch.encoder.published import echoclip, import_published
from echosearch.encoder.published.keys import convert
from echosearch.encoder.text.clip_tokenizer import ClipBpe, EchoTemplate, clip_merges, template_phrases, template_text
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.build import build_towers, stored_weights
from echosearch.encoder.towers.convnext import FrameConvNext
from echosearch.errors import BundleError
from tests.encoder import formula

PHRASES = ["LV EJECTION FRACTION IS <#>%. ", "<#> MITRAL REGURGITATION. ", "NORMAL SINUS RHYTHM. "]


def test_byte_pairs_join_in_their_order() -> None:
    bpe = ClipBpe([("l", "v</w>"), ("m", "i"), ("mi", "l"), ("mil", "d</w>")])
    letters = bpe.vocabulary_size - 2 - 4
    assert letters == 512  # 256 bytes, within a word and at its end
    start, end = bpe.vocabulary_size - 2, bpe.vocabulary_size - 1
    byte = {chr(b): b - 0x21 for b in range(0x21, 0x7F)}
    assert bpe.encode(["LV  mild MI", ""], 77) == [
        [start, 512, 515, byte["m"], byte["i"] + 256, end],  # "mi" would be joined inside a word, not at its end
        [start, end],
    ]
    assert bpe.encode(["lv " * 100], 77)[0] == [start, *[512] * 75, end]


def test_a_phrase_is_a_token_and_its_values_follow() -> None:
    tokenizer = EchoTemplate(PHRASES)
    fraction, regurgitation, rhythm = 5, 6, 7  # after five special tokens
    values = 8  # the value vocabulary begins: five special tokens, 0 to 100, the sign between two, grades, ...
    start, end = tokenizer.vocabulary_size - 2, tokenizer.vocabulary_size - 1
    text = "lv ejection fraction was 55 %. Mildly mitral regurgitation. Normal sinus rhythm."
    expected = [start, fraction, values + 5 + 55, regurgitation, values + 5 + 101 + 1, rhythm, end]
    assert tokenizer.encode([text], 77) == [expected]


def test_what_is_in_no_template_is_dropped_with_its_values() -> None:
    tokenizer = EchoTemplate(PHRASES)
    found = tokenizer.encode(["GARBAGE 12 AND 13. NORMAL SINUS RHYTHM. LV EJECTION FRACTION IS 40%. "], 77)[0]
    assert found[1:-1] == [7, 5, 8 + 5 + 40]
    assert len(tokenizer.encode([""], 77)[0]) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lv ejection fraction is 55 %", "LV EJECTION FRACTION IS 55%. "),
        ("The valve was mildly thick.Seen 01/02/2020 , i35.0", "THE VALVE IS MILD THICK. SEEN , "),
        ("pulmonary artery pressure 1.5 mmhg..", "PA PRESSURE 1.5MMHG. "),
        ("[a] were b and/or c", "A ARE B AND C "),
    ],
)
def test_reports_are_brought_to_the_templates_spelling(text: str, expected: str) -> None:
    assert template_text(text) == expected


def test_other_vocabularies_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "merges.txt"
    file.write_text("#version\n" + "a b\n" * 50000)
    with pytest.raises(BundleError, match="another model's vocabulary"):
        clip_merges(file)
    with pytest.raises(BundleError, match="no phrase has a gap"):
        template_phrases(file)
    with pytest.raises(BundleError, match="cannot be read"):
        clip_merges(tmp_path / "none.txt")


def test_a_damaged_list_of_byte_pairs_names_its_line(tmp_path: Path) -> None:
    letters = [chr(code) for code in range(0x21, 0x7F)]
    pairs = [("i", "n"), ("t", "h"), *product(letters, letters), *product(["in", "th"], letters), ("q0x", "q1")]
    file = tmp_path / "merges.txt"
    file.write_text("\n".join(["#version", *(" ".join(pair) for pair in pairs), *["a b"] * 50000]))
    with pytest.raises(BundleError, match=rf"line {len(pairs) + 1}: it joins what no line before has made"):
        clip_merges(file)


def test_tokens_that_the_text_tower_does_not_know_are_refused(tmp_path: Path) -> None:
    """Before a tower is built: of the weights those are there whose measures are looked at."""
    shapes = formula.names_and_shapes("echoclip")
    looked_at = ("positional_embedding", "text_projection", "transformer.resblocks.0.ln_1.weight")
    state = {name: torch.ones(shapes[name]) for name in looked_at}
    phrases = tmp_path / "template_vocab.txt"
    phrases.write_text("\n".join(PHRASES) + "\n")
    for rows in (40, len(PHRASES)):
        words = torch.ones(rows, shapes["token_embedding.weight"][1])
        save_file({**state, "token_embedding.weight": words}, tmp_path / "model.safetensors")
        with pytest.raises(BundleError, match=f"has {rows}: this is another model's vocabulary"):
            import_published("echoclip-r", tmp_path / "model.safetensors", phrases, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_key_goes_to_a_weight_of_ours() -> None:
    with torch.device("meta"):
        state = {name: torch.empty(shape) for name, shape in formula.names_and_shapes("echoclip").items()}
        ours = build_towers(echoclip.manifest(state, {}, False, ()))
        converted = convert("x", state, echoclip.rules(state), {})
    expected = {name: tensor.shape for name, tensor in stored_weights(ours).items()}
    assert {name: tensor.shape for name, tensor in converted.items()} == expected


def test_another_image_tower_is_refused(tmp_path: Path) -> None:
    config = {"model_cfg": {"vision_cfg": {"timm_model_name": "convnext_large"}}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match="convnext_large"):
        echoclip.read_config(tmp_path)
    assert echoclip.read_config(tmp_path / "none") == {}


def test_padding_has_no_say_in_the_mean_over_frames() -> None:
    tower = FrameConvNext(ConvNextSpec(depths=(1, 1, 1, 1), widths=(8, 8, 8, 8), unit_frames=True), 4).eval()
    video = torch.randn(2, 3, 5, 32, 32)
    with torch.inference_mode():
        some = tower(video, torch.tensor([3, 5]))
        assert torch.allclose(some[0], tower(video[:1, :, :3])[0], atol=1e-6)
        assert torch.allclose(some[1], tower(video[1:])[0], atol=1e-6)


@pytest.mark.slow
def test_echoclip_gives_open_clips_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "echo-clip"
    folder.mkdir()
    torch.save(formula.weights("echoclip"), folder / "open_clip_pytorch_model.bin")
    phrases = tmp_path / "template_vocab.txt"
    phrases.write_text("\n".join(PHRASES) + "\n")
    import_published("echoclip-r", folder, phrases, tmp_path / "out")
    encoder = load_encoder(tmp_path / "out", "cpu")
    rng = np.random.default_rng([7, 0])
    frames = rng.standard_normal((4, 3, 224, 224)).astype("float32")
    ids = rng.integers(1, 49000, (2, 77))
    ids[0, 30:] = 0
    ids[:, 0] = 49406
    ids[0, 29] = ids[1, 76] = 49407
    with torch.inference_mode():
        video = encoder.tower("video")(torch.from_numpy(frames).transpose(0, 1)[None]).numpy()
        text = encoder.tower("text")(torch.from_numpy(ids)).numpy()
    assert np.abs(video - formula.outputs("echoclip_video")).max() < 1e-4
    assert np.abs(text - formula.outputs("echoclip_text")).max() < 1e-4


@pytest.mark.parametrize(
    ("changed", "config"),
    [
        ({"token_embedding.weight": torch.zeros(9)}, {}),
        ({"positional_embedding": torch.tensor(1.0)}, {}),
        ({"text_projection": torch.zeros(4)}, {}),
        ({}, {"preprocess_cfg": "none"}),
        ({}, {"preprocess_cfg": {"mean": [0.5]}}),
    ],
)
def test_what_only_looks_like_echoclip_is_a_line(changed: dict[str, torch.Tensor], config: dict[str, object]) -> None:
    state = {
        "token_embedding.weight": torch.zeros(9, 64),
        "positional_embedding": torch.zeros(4, 64),
        "text_projection": torch.zeros(64, 512),
        "transformer.resblocks.0.ln_1.weight": torch.ones(64),
    }
    echoclip.manifest(state, {}, False, ())
    with pytest.raises(BundleError, match="this is not EchoCLIP: its measures cannot be read"):
        echoclip.manifest({**state, **changed}, config, False, ())
