"""A text tower that begins by itself: from a bundle, or from a folder that transformers wrote."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.text.tokenizer import SPECIAL
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.bert import TextTower
from echosearch.errors import BundleError, ConfigError
from trainer.config_file import load
from trainer.model.start import build_start

pytestmark = pytest.mark.usefixtures("forked_children")
VOCABULARY = (*SPECIAL, *"左室房拡大なし僧帽弁逆流軽度", "あり", "##流")


@pytest.fixture(params=[True, False], ids=["safetensors", "pickle"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    made = tmp_path / "bert"
    torch.manual_seed(3)
    shape = BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=64,
    )  # fmt: skip
    model = BertModel(shape)
    model.save_pretrained(made)
    if not request.param:
        (made / "model.safetensors").unlink()
        state = {f"bert.{name}": tensor for name, tensor in model.state_dict().items()}
        torch.save({**state, "cls.predictions.bias": torch.zeros(3)}, made / "pytorch_model.bin")
    (made / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return made


def test_the_first_token_is_transformers_own(toml: Path, folder: Path) -> None:
    start = build_start(load(toml, [f"model.start_text={folder}"]), [])
    text = "左室拡大なし。軽度の僧帽弁逆流あり。"
    ids = torch.tensor(start.tokenizer.encode([text], 64))
    theirs = BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False).eval()
    file = folder / "model.safetensors"
    if file.exists():
        theirs = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    else:
        state = torch.load(folder / "pytorch_model.bin", weights_only=True)
        theirs.load_state_dict({n.removeprefix("bert."): t for n, t in state.items()}, strict=False)
    with torch.inference_mode():
        expected = theirs(input_ids=ids).last_hidden_state
        assert isinstance(start.towers.text, TextTower)
        torch.testing.assert_close(start.towers.text.bert(ids), expected, atol=1e-5, rtol=0)
    assert start.vocabulary == VOCABULARY
    assert start.manifest.tokenizer.kind == "mecab_wordpiece"
    assert start.towers.text(ids).shape == (1, 32)  # of the run


def test_a_shipped_bundle_gives_its_text_tower(toml: Path) -> None:
    config = load(toml, ["model.start_text=phantom-tiny", "model.dimension=256", "model.text_format=each_phrase_ja"])
    start = build_start(config, [])
    encoder = load_encoder(find_bundle(Path("phantom-tiny")), "cpu")
    ids = torch.tensor(start.tokenizer.encode(["左房拡大なし。"], 64))
    with torch.inference_mode():
        found = start.towers.text(ids)[0].numpy()
    assert found == pytest.approx(encoder.encode_texts(["左房拡大なし"])[0], abs=1e-5)
    assert start.manifest.video.tower == config.model.video
    assert [run.name for run in start.before][-1] == "phantom-tiny"
    narrow = build_start(load(toml, ["model.start_text=phantom-tiny"]), [])
    whole, trunk = start.towers.text.state_dict(), narrow.towers.text.state_dict()
    assert all(torch.equal(trunk[name], whole[name]) for name in whole if name.startswith("bert."))
    assert narrow.towers.text(ids).shape == (1, 32)


def changed(name: str, **values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        old = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**old, **values}))

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (changed("config.json", model_type="modernbert"), "model_type is 'modernbert'; only 'bert'"),
        (changed("config.json", hidden_size=96), "another shape"),
        (changed("config.json", hidden_size="wide"), "config.json: width: "),
        (changed("config.json", vocab_size=9), "has 21 tokens, config.json says 9"),
        (changed("config.json", max_position_embeddings=8), "max_tokens 64 is more than the 8 positions"),
        (changed("tokenizer_config.json", subword_tokenizer_type="character"), "subword_tokenizer_type is 'character'"),
        (changed("tokenizer_config.json", mecab_kwargs={"mecab_dic": "ipadic"}), "mecab_dic is 'ipadic'"),
        (lambda folder: (folder / "vocab.txt").unlink(), "has no vocab.txt"),
        (lambda folder: (folder / "config.json").unlink(), "has no bundle.toml and no config.json"),
        (lambda folder: [file.unlink() for file in folder.glob("*model.*")], "add the weights"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    toml: Path, folder: Path, change: Callable[[Path], object], says: str
) -> None:
    change(folder)
    with pytest.raises(BundleError, match=says) as refused:
        build_start(load(toml, [f"model.start_text={folder}"]), [])
    assert "\n" not in str(refused.value)


def test_both_towers_and_one_do_not_go_together(toml: Path) -> None:
    with pytest.raises(ConfigError, match=r"leave out model\.start_text"):
        load(toml, ["model.start=a", "model.start_text=b"])
