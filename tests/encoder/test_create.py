"""encoder init: an honest untrained encoder, the same for the same arguments."""

from pathlib import Path

import pytest

from echosearch.encoder.bundle.folder import load_manifest
from echosearch.encoder.create import ARCHITECTURES, init_bundle, train_vocabulary
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.errors import InputError

REPORTS = ("左室拡大なし。軽度の僧帽弁閉鎖不全あり。", "左室拡大あり。軽度の僧帽弁閉鎖不全なし。")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_makes_a_bundle_that_loads(tmp_path: Path, architecture: str) -> None:
    made = init_bundle("tiny", REPORTS, tmp_path / "a", architecture=architecture)  # type: ignore[arg-type]
    encoder = load_encoder(tmp_path / "a", "cpu")
    assert encoder.id == made
    assert made.trained is False
    assert "never trained" in made.provenance
    assert made.dimension == 512


def test_the_same_arguments_give_the_same_encoder(tmp_path: Path) -> None:
    one = init_bundle("tiny", REPORTS, tmp_path / "one")
    again = init_bundle("tiny", iter(REPORTS), tmp_path / "again")
    other = init_bundle("tiny", REPORTS, tmp_path / "other", seed=1)
    assert one == again
    assert one.fingerprint != other.fingerprint


def test_vocabulary_learns_the_words_and_knows_every_kana() -> None:
    vocabulary = train_vocabulary(["左室 拡大。", "左室 拡大。"] * 3, 4096)
    assert vocabulary[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(set(vocabulary)) == len(vocabulary) <= 4096
    assert {"左室", "拡大", "。", "ぬ", "##ヴ", "7", "##7", "Z"} <= set(vocabulary)


def test_the_towers_take_the_vocabulary_that_was_learned(tiny_bundle: Path) -> None:
    lines = (tiny_bundle / "tokenizer" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert load_manifest(tiny_bundle).text.tower.vocabulary == len(lines)


def test_reports_without_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text"):
        init_bundle("tiny", ["", " "], tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["../up", "僧帽弁", "\udcff", "x" * 65])
def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="--name"):
        init_bundle("tiny", ["左室拡大あり。"], tmp_path / "out", name=name)
    assert not list(tmp_path.iterdir())
