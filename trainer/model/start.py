"""Build the model that a run begins with: new, from a bundle, or with published weights in its video trunk.

model.start          an encoder bundle, or the name of one that ships: both towers, temperature and vocabulary; the
                     config's shapes give way to its own
model.start_video    a local file or folder for the video tower alone, by its architecture:
                     convnext            timm weights (ImageNet-21k, LAION-2B): the trunk; the head stays random
                     video_transformer   transformers' ViViT (Kinetics-400), in the names of its 4.x and 5.x releases
                     any                 an encoder bundle, or the name of one that ships (VideoMAE v2 comes through
                                         `encoder import`)
model.start_text     a bundle, or a local folder with a published Japanese BERT, for the text tower alone: start_text.py
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from echosearch.encoder.bundle.folder import MANIFEST, TOKENIZER, WEIGHTS, load_manifest
from echosearch.encoder.bundle.manifest import BertSpec, ClipTextSpec, Manifest, TextPart, TokenizerSpec, VideoPart
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.create import train_vocabulary
from echosearch.encoder.published.checkpoint import read_checkpoint
from echosearch.encoder.text.tokenizer import (
    VOCABULARY,
    Tokenizer,
    installed_dictionary,
    load_tokenizer,
    read_vocabulary,
)
from echosearch.encoder.towers.build import TwoTowers, build_towers, load_weights, use_weights
from echosearch.errors import BundleError
from echosearch.report.text import model_text
from trainer.config import TrainConfig
from trainer.model.start_text import read_text_start
from trainer.training_record import TrainingRun, runs_before

__all__ = ["Start", "build_start", "spread", "tokenizer_of", "with_turns"]


@dataclass(frozen=True)
class Start:
    """A model before its first step, and what a bundle of it needs."""

    manifest: Manifest
    towers: TwoTowers
    vocabulary: tuple[str, ...]
    tokenizer: Tokenizer
    before: tuple[
        TrainingRun, ...
    ] = ()  # that the weights have been through; read now, for a start may be gone at the end


def build_start(config: TrainConfig, reports: Sequence[str]) -> Start:
    """Build the model: the same config, seed and reports give the same weights. Raises BundleError, InputError."""
    model = config.model
    text = read_text_start(model) if model.start_text else None
    if text is not None:
        vocabulary = text.vocabulary
        manifest = _manifest(config, model.video, text.tower, text.tokenizer, model.dimension)
    elif model.start:
        folder = find_bundle(Path(model.start))
        old = load_manifest(folder)
        vocabulary = tuple(read_vocabulary(folder / TOKENIZER / VOCABULARY))
        manifest = _manifest(config, old.video.tower, old.text.tower, old.tokenizer, old.dimension)
    else:
        vocabulary = tuple(
            train_vocabulary((model_text(report, model.text_spec) for report in reports), model.text.vocabulary)
        )
        dictionary, version = installed_dictionary()
        tokenizer_spec = TokenizerSpec(kind="mecab_wordpiece", dictionary=dictionary, dictionary_version=version)
        shape = model.text
        bert = BertSpec(
            vocabulary=len(vocabulary),
            width=shape.width,
            depth=shape.depth,
            heads=shape.heads,
            mlp_width=4 * shape.width,
            positions=model.max_tokens,
            projection_width=shape.projection_width,
        )
        manifest = _manifest(config, model.video, bert, tokenizer_spec, model.dimension)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        towers = build_towers(manifest)
        spread(towers.text)
    if model.start:
        for part, tower in (("video", towers.video), ("text", towers.text)):
            use_weights(tower, load_weights(folder / WEIGHTS, part))  # type: ignore[arg-type]
    if text is not None:
        text.put_into(towers.text)
    if model.start_video:
        _use_published(towers.video, manifest, find_bundle(Path(model.start_video)))
    return Start(manifest, towers, vocabulary, tokenizer_of(vocabulary, manifest.tokenizer), runs_before(model))


def spread(text: nn.Module) -> None:
    """Draw linear layers and word embeddings at a standard deviation of 1 / sqrt(width), in place.

    BERT's 0.02 is made for BERT-base; in a narrow tower it lets a first token hardly see the words behind it, and
    training makes no progress for hundreds of steps.
    """
    for name, module in text.named_modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, nn.Embedding) and name.endswith("words"):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)


def _manifest(
    config: TrainConfig, video: object, text: BertSpec | ClipTextSpec, tokenizer: TokenizerSpec, dimension: int
) -> Manifest:
    return Manifest(
        name=config.name,
        version=config.version,
        licence=config.licence,
        provenance="being trained",
        trained=False,
        dimension=dimension,
        video=VideoPart.model_validate({"tower": video, "clip": config.model.clip}),
        text=TextPart(tower=text, spec=config.model.text_spec),
        tokenizer=tokenizer,
    )


def tokenizer_of(vocabulary: Sequence[str], spec: TokenizerSpec) -> Tokenizer:
    """Return the tokenizer with these tokens."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / VOCABULARY).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        return load_tokenizer(Path(folder), spec)


def _use_published(tower: nn.Module, manifest: Manifest, place: Path) -> None:
    if (place / MANIFEST).is_file():
        use_weights(tower, with_turns(load_weights(place / WEIGHTS, "video"), tower.state_dict()))
        return
    state = _read(_weights_file(place))
    own = tower.state_dict()
    match manifest.video.tower.architecture:
        case "convnext":
            found = {f"trunk.{name}": tensor for name, tensor in state.items() if not name.startswith("head.fc")}
        case "video_transformer":
            found = _vivit(state)
        case other:
            raise BundleError(f"model.start_video: {other} has no published weights that this reads: give a bundle")
    kept = {name: tensor for name, tensor in own.items() if name.startswith("head.")}
    use_weights(tower, kept | _resampled(found, own))


def with_turns(stored: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a tower for one whose pool has other turns, or none (SpatialPool): its own are forgotten.

    Of a tower without turns, the same vectors at first.
    """
    path, head, compress, gate = "places.path.weight", "head.weight", "places.compress.weight", "places.gate.weight"
    there, wanted = (None if path not in one else one[path].shape for one in (stored, own))
    if there == wanted or not {head, compress, gate} <= stored.keys():
        return stored
    usual = len(stored[compress]) * len(stored[gate])
    wide = torch.zeros_like(own[head])
    if usual > wide.shape[1]:
        return stored  # another tower altogether: use_weights says so
    wide[:, :usual] = stored[head][:, :usual]
    kept = {name: tensor for name, tensor in stored.items() if name != path}
    return kept | {head: wide} | ({path: own[path]} if path in own else {})


def _weights_file(place: Path) -> Path:
    if place.is_file():
        return place
    for name in ("model.safetensors", "pytorch_model.bin", "model.pt"):
        if (place / name).is_file():
            return place / name
    raise BundleError(f"{place} holds no model.safetensors, pytorch_model.bin or model.pt: give the weights' file")


def _read(file: Path) -> dict[str, Tensor]:
    if file.suffix != ".safetensors":
        return read_checkpoint(file)  # a pickle: weights only, in a child process with limits
    try:
        return load_file(file)
    except (SafetensorError, OSError) as exc:
        raise BundleError(f"{file} cannot be read as safetensors: {exc}") from exc


# transformers' ViViT, names before and since 5.20 -> ours; "#" is a block's number
_VIVIT = (
    (r"(?:encoder\.layer|layers)\.(\d+)\.layernorm_before\.", r"blocks.\1.norm1."),
    (r"(?:encoder\.layer|layers)\.(\d+)\.layernorm_after\.", r"blocks.\1.norm2."),
    (r"(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:output\.dense|o_proj)\.", r"blocks.\1.attn.proj."),
    (r"(?:encoder\.layer|layers)\.(\d+)\.(?:intermediate\.dense|mlp\.fc1)\.", r"blocks.\1.mlp.fc1."),
    (r"(?:encoder\.layer|layers)\.(\d+)\.(?:output\.dense|mlp\.fc2)\.", r"blocks.\1.mlp.fc2."),
    (r"^layernorm\.", "norm."),
)
_PART = re.compile(
    r"(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:attention\.(query|key|value)|([qkv])_proj)\.(weight|bias)$"
)


def _vivit(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A ViViT classifier's trunk under our names; its classifier and pooler are left."""
    found: dict[str, Tensor] = {}
    parts: dict[tuple[str, str], dict[str, Tensor]] = {}
    for full, tensor in state.items():
        name = full.removeprefix("vivit.")
        if name.startswith(("classifier.", "pooler.")):
            continue
        if match := _PART.match(name):
            block, old, new, kind = match.groups()
            parts.setdefault((block, kind), {})[(old or new)[0]] = tensor
        elif name == "embeddings.cls_token":
            found["class_token"] = tensor.flatten()
        elif name == "embeddings.position_embeddings":
            found["positions"] = tensor[0]
        elif name == "embeddings.patch_embeddings.projection.weight":
            found["embed.weight"] = tensor.flatten(1)  # a Conv3d whose stride is its kernel
        elif name == "embeddings.patch_embeddings.projection.bias":
            found["embed.bias"] = tensor
        else:
            for pattern, ours in _VIVIT:
                name = re.sub(pattern, ours, name)
            found[name] = tensor
    for (block, kind), qkv in parts.items():
        found[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat([qkv[letter] for letter in "qkv" if letter in qkv])
    return found


def _resampled(found: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Positions of a model with more frames (ViViT-B: 32) are thinned out evenly to those of a shorter clip."""
    positions = found.get("positions")
    if positions is not None and "positions" in own and len(positions) > len(own["positions"]):
        first, rest = positions[:1], positions[1:]
        wanted = len(own["positions"]) - 1
        if len(rest) % wanted == 0:
            found["positions"] = torch.cat([first, _thinned(rest, wanted)])
    return found


def _thinned(rest: Tensor, wanted: int) -> Tensor:
    """(N, D) tokens by time, row, column -> every (N / wanted)-th time step, rows and columns whole."""
    factor = len(rest) // wanted
    for times in range(wanted, 0, -1):
        if wanted % times == 0 and len(rest) % (times * factor) == 0:
            space = wanted // times
            side = round(space**0.5)
            if side * side == space:
                return rest.reshape(times, factor, space, -1)[:, 0].reshape(wanted, -1)
    return rest[:wanted]
