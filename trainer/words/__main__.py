"""Give a finished encoder a text tower that reads many wordings; its video tower stays as it is, bit for bit.

    python -m trainer.words runs/phantom-tiny-rare2/bundle --out runs/phantom-words --seed 1

For encoders that read Japanese phrase by phrase and have learned the phantom's wording. The new bundle has another
fingerprint, so an archive is embedded again with it (`echosearch reembed`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from dataclasses import asdict
from pathlib import Path

import tomli_w
import torch

from echosearch.encoder.bundle.folder import WEIGHTS, load_manifest
from echosearch.encoder.bundle.manifest import BertSpec, Manifest, TextPart, TokenizerSpec
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.create import train_vocabulary
from echosearch.encoder.export import save_encoder
from echosearch.encoder.text.tokenizer import VOCABULARY, installed_dictionary
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.build import build_towers, load_weights, use_weights
from echosearch.errors import BundleError, EchosearchError
from trainer.model.start import spread, tokenizer_of
from trainer.progress import say
from trainer.training_record import TRAINING
from trainer.words.facts import fact_targets
from trainer.words.fit import FitConfig, fit_texts
from trainer.words.statements import Statements

__all__ = ["main", "teach"]

HEADS = 6
WORDS = "words"  # the table of training.toml


def teach(bundle: Path, out: Path, config: FitConfig, version: str) -> Manifest:
    """Write the bundle ``out``: the video tower of ``bundle`` and a new text tower.

    Raises BundleError if ``out`` exists, or ``bundle`` does not read Japanese phrase by phrase.
    """
    if out.exists():
        raise BundleError(f"{out} exists already: choose another folder, or remove it first")
    old = load_manifest(bundle)
    if old.text.spec.format != "each_phrase_ja":
        raise BundleError(f"{bundle}: its texts are read as {old.text.spec.format!r}; this is for each_phrase_ja")
    encoder = load_encoder(bundle, "cpu")
    targets = fact_targets(lambda texts: encoder.encode_texts(list(texts)))
    statements = list(Statements(config.seed).draw(config.statements))
    vocabulary = train_vocabulary((f"{one.text}。" for one in statements), config.vocabulary)
    dictionary, dictionary_version = installed_dictionary()
    manifest = old.model_copy(
        update={
            "version": version,
            "text": TextPart(tower=_shape(len(vocabulary), old, config), spec=old.text.spec),
            "tokenizer": TokenizerSpec(
                kind="mecab_wordpiece", dictionary=dictionary, dictionary_version=dictionary_version
            ),
            "provenance": f"{old.provenance}; then a text tower by trainer.words, {config.steps} steps of"
            f" {config.batch} of {config.statements} statements, seed {config.seed}",
        }
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        towers = build_towers(manifest)
        spread(towers.text)
        tokenizer = tokenizer_of(vocabulary, manifest.tokenizer)
        fit_texts(towers.text, tokenizer, statements, targets, config, lambda s, d: say(f"step {s}: distance {d:.3f}"))
    weights = load_weights(bundle / WEIGHTS, "video")
    half = all(weight.dtype == torch.float16 for weight in weights.values())
    use_weights(towers.video, weights)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / VOCABULARY
        file.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        return save_encoder(out, manifest, towers, file, half, {TRAINING: _record(bundle, config)})


def _shape(vocabulary: int, old: Manifest, config: FitConfig) -> BertSpec:
    return BertSpec(
        vocabulary=vocabulary,
        width=config.width,
        depth=config.depth,
        heads=HEADS,
        mlp_width=4 * config.width,
        positions=old.text.spec.max_tokens,
        projection_width=config.projection_width,
    )


def _record(bundle: Path, config: FitConfig) -> str:
    """Return the record of the runs that made the video tower, and of this one; their scores were of other texts."""
    file = bundle / TRAINING
    record = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return tomli_w.dumps({**record, "scores": {}, WORDS: asdict(config)})


def main() -> int:
    """Exit code 0, or 1 for a user's error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a folder, or the name of a shipped encoder")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the new bundle")
    parser.add_argument("--version", default="2", help="of the new bundle")
    for name, default in asdict(FitConfig()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    bundle, out, version = given.pop("bundle"), given.pop("out"), given.pop("version")
    try:
        teach(find_bundle(bundle), out, FitConfig(**given), version)
    except EchosearchError as exc:
        say(str(exc))
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
