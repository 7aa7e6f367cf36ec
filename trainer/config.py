"""TrainConfig: everything that decides a training run (config_file.py reads it).

Frozen; an unknown key is an error that names it. Field order is the order of a run: data, model, loss, optim, run.
"""

from __future__ import annotations

import hashlib
import json
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from echosearch.clip import ClipSpec
from echosearch.encoder.bundle.manifest import BundleName, ConvNextSpec, VideoConvSpec, VideoTowerSpec
from echosearch.phantom.heart.features import FEATURES
from echosearch.phantom.heart.findings import FINDINGS
from echosearch.phantom.patients.history import Level
from echosearch.report.text import TextSpec
from echosearch.video import VIEW_GATE, View
from trainer.data.augment import AugmentConfig

__all__ = [
    "FIVE_VIEWS",
    "DataConfig",
    "LossConfig",
    "ModelConfig",
    "OptimConfig",
    "RunConfig",
    "Seed",
    "TextShape",
    "TrainConfig",
]

FIVE_VIEWS = (View.LAX, View.SAX, View.CH2, View.CH3, View.CH4)

# torch and numpy take no larger ones, and a process adds its own number to a thousandfold
Seed = Annotated[int, Field(ge=0, le=2**48)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(_Section):
    """The source of the pairs, and which videos of a study count."""

    # "render": phantom studies drawn in memory; "folder": an archive that `echosearch phantom write` made, or one
    # laid out like it; "archive": what ingest has stored (ECHOSEARCH_HOME or the servers)
    source: Literal["render", "folder", "archive"] = "render"
    folder: str = ""  # "folder" only
    patients: PositiveInt = 200  # "render" only, with phantom_seed and first_patient
    phantom_seed: Seed = 1
    first_patient: PositiveInt = 1
    level: Level = "easy"  # "render" only: of the phantoms (docs/phantom.md)
    takes: int = Field(default=0, ge=0)  # "render" only: times that a study's view is kept, each mode; 0: all
    # "render" only: of the enrich_from patients behind those, the ones with one of these findings (at the hard level:
    # or features) join them. What one patient in ten has is otherwise learned from a tenth of the pictures
    enrich: tuple[str, ...] = ()
    enrich_from: int = Field(default=0, ge=0)
    cache: str = "cache"  # folder of the decoded clips; kept, and used again by a run with the same clips
    cache_frames: int = Field(default=0, ge=0)  # frames kept of a cine, at the clip's stride; 0: as many as a clip has
    workers: PositiveInt = 1  # processes that decode or draw
    train_views: tuple[View, ...] = Field(default=FIVE_VIEWS, min_length=1)
    eval_views: tuple[View, ...] = Field(default=FIVE_VIEWS, min_length=1)
    videos_per_study: PositiveInt = 8  # at most, in a training step; drawn anew at each
    min_view_prob: float = Field(default=VIEW_GATE, ge=0, le=1)
    shift: int = Field(default=0, ge=0)  # in training, a clip is moved by up to this many pixels each way, in a circle
    augment: AugmentConfig = AugmentConfig()  # in training: other depths, gains and sides (augment.py)
    frames_seen: int = Field(default=0, ge=0)  # in training, of a clip, drawn at random; 0: all (SingleImage: 1)
    split: tuple[float, float, float] = (0.875, 0.025, 0.1)  # of patients: train, validation, test

    @property
    def pool(self) -> tuple[object, ...]:
        """The values that decide which studies these are, however they are used."""
        written = str(Path(self.folder).absolute()) if self.source == "folder" else ""
        drawn = (self.patients, self.phantom_seed, self.first_patient, self.enrich, self.enrich_from, self.level)
        return self.source, written, drawn if self.source == "render" else ()

    @model_validator(mode="after")
    def _makes_sense(self) -> DataConfig:
        if self.source == "folder" and not self.folder:
            raise ValueError("source 'folder' needs data.folder")
        there = FINDINGS if self.level == "easy" else (*FINDINGS, *FEATURES)
        if unknown := sorted({*self.enrich} - {*there}):
            raise ValueError(f"enrich: no finding {unknown[0]!r}; there are {', '.join(there)}")
        if bool(self.enrich) != bool(self.enrich_from):
            raise ValueError("enrich (findings) and enrich_from (patients to look at) go together")
        if self.enrich and self.source != "render":
            raise ValueError(f"enrich is for source 'render', not {self.source!r}")
        if min(self.split) < 0 or abs(sum(self.split) - 1) > 1e-9:
            raise ValueError(f"split {self.split} must be three shares that sum to 1")
        return self


class TextShape(_Section):
    """The sizes of a BERT that starts from no published weights."""

    width: PositiveInt = 128
    depth: PositiveInt = 2
    heads: PositiveInt = 4
    vocabulary: PositiveInt = 4096  # WordPiece tokens, trained on the training reports
    projection_width: PositiveInt = 640


class ModelConfig(_Section):
    """The towers, and the origin of their first weights."""

    video: VideoTowerSpec
    clip: ClipSpec
    text: TextShape = TextShape()
    dimension: PositiveInt = 512
    text_format: Literal["phrases_ja", "each_phrase_ja"] = "phrases_ja"  # TextSpec.format
    max_phrases: PositiveInt = 35
    max_tokens: PositiveInt = 256
    whiten: bool = True  # of a tower that starts from nothing: whiten.py
    start: str = ""  # an encoder bundle whose weights both towers take; its tokenizer comes along
    start_video: str = ""  # or a local folder or file of published weights for the video trunk alone (start.py)
    start_text: str = ""  # or a bundle, or a Japanese BERT's folder, for the text tower alone (start_text.py)

    @property
    def text_spec(self) -> TextSpec:
        return TextSpec(max_tokens=self.max_tokens, max_phrases=self.max_phrases, format=self.text_format)


class LossConfig(_Section):
    """The loss that is minimised; see loss.py."""

    soft_targets: float = Field(default=0.0, ge=0, le=1)  # share of the target given to reports with the same phrases
    # weight; 0: the text tower stays as it begins, and videos learn from the table alone
    contrastive: float = Field(default=1.0, ge=0)
    table: float = Field(default=0.0, ge=0)  # weight of the loss of videos against all phrases; 0: no table (table.py)
    table_parts: bool = False  # phrases that share words share what is learned; goes with optim.table_first (parts.py)
    phrases_per_study: PositiveInt = 6  # that the text tower learns from the table in a step
    negation: float = Field(default=0.0, ge=0)  # weight of a report's false twins in the softmax over texts (twins.py)
    twins_per_study: PositiveInt = 8  # at most, in a step
    view: float = Field(default=0.0, ge=0)  # weight of the loss that holds single videos of one view together
    temperature: float = Field(default=0.07, gt=0)  # at the start; learned
    max_scale: float = Field(default=100.0, gt=0)  # upper end of 1 / temperature


class OptimConfig(_Section):
    """AdamW, linear warm-up, cosine."""

    steps: int = Field(ge=0)
    batch: PositiveInt = 64  # studies a step, over all processes and accumulations
    # steps in which the trunk of a tower with places learns views and colour, before anything else: kinds.py
    kinds_first: int = Field(default=0, ge=0)
    # before the first step, the video head and the table in closed form: heads.py; wants loss.table
    heads_first: bool = False
    lock_video: bool = False  # the video tower stays as it begins: every video is embedded once, and the texts learn
    lock_text: bool = False  # the text tower stays, and videos learn from where it puts the phrases: text_table.py
    table_first: bool = False  # before the first step, the table over videos as a tower that has learned puts them
    texts_first: bool = False  # after that, the text head in closed form: texts.py
    # each tensor's learning rate is lr times the root mean square of its weights at the start, 0.03 to 0.1 at the
    # outer: layers of very different width learn at the same pace (after You 2017, LARS)
    scaled: bool = False
    # share of model.start's weights in the exported ones: their mean keeps what the start could do and training would
    # unlearn (WiSE-FT, Wortsman 2022)
    keep_start: float = Field(default=0.0, ge=0, lt=1)
    accumulate: PositiveInt = 1  # forward passes a step; each has its own negatives
    lr: float = Field(default=3e-4, gt=0)
    lr_end: float = Field(default=0.0, ge=0)  # of the cosine
    warmup: int = Field(default=100, ge=0)  # steps
    weight_decay: float = Field(default=0.05, ge=0)
    betas: tuple[Momentum, Momentum] = (0.9, 0.98)
    clip_norm: float = Field(default=1.0, gt=0)
    precision: Literal["fp32", "bf16"] = "bf16"  # bf16: autocast; weights and optimizer stay fp32

    @model_validator(mode="after")
    def _divides(self) -> OptimConfig:
        if self.batch % self.accumulate:
            raise ValueError(f"batch {self.batch} must be a multiple of accumulate {self.accumulate}")
        return self


class RunConfig(_Section):
    """The output folder of a run, and its intervals. None of it changes the result."""

    out: str  # checkpoints, metrics.jsonl and, at the end, bundle/
    checkpoint_every: PositiveInt = 500
    validate_every: PositiveInt = 500
    log_every: PositiveInt = 10
    tensorboard: bool = False  # needs the extra "train"
    device: str = "auto"


class TrainConfig(_Section):
    """One training run."""

    name: BundleName
    version: str = "1"
    licence: str = "Apache-2.0"
    half: bool = False  # the bundle's weights in 16-bit floats
    seed: Seed = 0
    data: DataConfig
    model: ModelConfig
    loss: LossConfig = LossConfig()
    optim: OptimConfig
    run: RunConfig

    @model_validator(mode="after")
    def _fits(self) -> TrainConfig:
        frames, seen = self.model.clip.frames, self.data.frames_seen
        video = self.model.video
        by_frames = isinstance(video, ConvNextSpec) or (isinstance(video, VideoConvSpec) and video.time == "stills")
        if seen > frames or (0 < seen < frames and not by_frames):
            raise ValueError(
                f"data.frames_seen {seen}: a convnext takes 1 to {frames} frames of a clip, as does a video_conv whose"
                " time is 'stills'; others all (0)"
            )
        if self.loss.contrastive and self.optim.steps and self.optim.batch < 2 * self.optim.accumulate:
            raise ValueError(
                "a study is compared with the others of its forward pass: optim.batch / accumulate is 2 or more"
            )
        if self.optim.kinds_first and not isinstance(self.model.video, VideoConvSpec):
            raise ValueError("optim.kinds_first is for model.video.architecture 'video_conv'")
        if not (self.loss.contrastive or self.loss.table):
            raise ValueError("nothing is learned: set loss.contrastive or loss.table above 0")
        if self.loss.negation and not self.loss.contrastive:
            raise ValueError("loss.negation joins the contrastive loss: set loss.contrastive above 0")
        if self.model.start and self.model.start_text:
            raise ValueError("model.start brings a text tower: leave out model.start_text, or give model.start_video")
        return self

    @model_validator(mode="after")
    def _begins(self) -> TrainConfig:
        """What a run does before its first step, and what it locks, go together."""
        if self.optim.heads_first and not self.loss.table:
            raise ValueError("optim.heads_first begins a phrase table: set loss.table above 0")
        if self.optim.table_first and (self.optim.heads_first or not self.loss.table):
            raise ValueError("optim.table_first begins a phrase table, in place of heads_first: set loss.table above 0")
        if self.loss.table_parts and not self.optim.table_first:
            raise ValueError("loss.table_parts goes with optim.table_first")
        if self.optim.lock_text and (
            not (self.model.start and self.loss.table) or self.loss.contrastive or self.optim.table_first
        ):
            raise ValueError(
                "optim.lock_text is for a text tower that has learned, and its own phrases: set model.start and"
                " loss.table, loss.contrastive = 0, and no optim.table_first"
            )
        if self.optim.lock_text and (self.optim.lock_video or self.optim.heads_first):
            raise ValueError("optim.lock_text leaves the videos to learn: no optim.lock_video, no optim.heads_first")
        if self.optim.texts_first and not (self.optim.table_first and self.optim.lock_video):
            raise ValueError("optim.texts_first goes with optim.table_first and optim.lock_video")
        if self.optim.lock_video and (self.optim.heads_first or self.optim.kinds_first or self.loss.view):
            raise ValueError("optim.lock_video leaves nothing for heads_first, kinds_first and loss.view to do")
        return self

    def digest(self) -> str:
        """Return a digest of all that decides the result: a checkpoint of another digest is not resumed."""
        parts = self.model_dump(mode="json", exclude={"run"}) | {"name": "", "version": "", "licence": ""}
        del parts["optim"]["keep_start"]  # decides what is exported, not what is trained
        parts["data"] = {k: v for k, v in parts["data"].items() if k not in ("cache", "workers", "eval_views")}
        # a checkpoint made before there was such a key goes on
        added: dict[str, dict[str, Any]] = {
            "data": {"level": "easy", "takes": 0, "augment": AugmentConfig().model_dump(mode="json")},
            "loss": {"negation": 0.0, "twins_per_study": 8, "view": 0.0},
            "model": {"start_text": ""},
            "model.video": {"time": "neighbours", "turns": 0},
            "model.clip": {"field_mm": None},
            "data.augment": {"depth_share": 1.0, "reach": [1.0, 1.0]},
        }
        for path, keys in added.items():
            section = reduce(lambda part, name: part.get(name, {}), path.split("."), parts)
            for key in [key for key, value in keys.items() if section.get(key, ...) == value]:
                del section[key]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
