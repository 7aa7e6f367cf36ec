"""`echosearch encoder check`: describe a bundle, verify its golden vectors on this machine, and time it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from echosearch.clip import ClipSpec
from echosearch.encoder.bundle.folder import GOLDEN
from echosearch.encoder.bundle.golden import TOLERANCE, read_golden, read_raw
from echosearch.encoder.bundle.manifest import Manifest
from echosearch.encoder.torch_encoder import BATCH, TorchEncoder, load_encoder
from echosearch.encoder.towers.build import PARTS
from echosearch.encoder.view_classifier import load_views
from echosearch.encoder_info import EncoderInfo

__all__ = ["CheckReport", "ViewsReport", "check_bundle", "check_views", "describe_clip"]

STATED = {
    True: "as bundle.toml states it",
    False: "unknown to bundle.toml: an earlier version made it, so an edit of it may go unnoticed; import it again",
}
PROVEN = {
    True: "gives the golden pixels and vectors",
    False: "unknown: golden.npz of an earlier version begins after preprocessing; import it again",
}
SECONDS = 2.0  # measured for about this long each, after a warm-up
BATCHES = {"cuda": 4}  # of one call, as an ingest gives them: the next is prepared while a GPU works


@dataclass(frozen=True)
class CheckReport:
    """The result of check_bundle, which raises if something is wrong: a report is a pass."""

    encoder: EncoderInfo
    academic_only: bool
    architecture: str
    parameters: int
    preprocessing: str
    preprocessing_proven: bool  # the golden check began at a raw cine; False: made by an earlier version
    fingerprint_stated: bool  # bundle.toml states the fingerprint, so that an edit is noticed; False: likewise
    clip_spec: dict[str, Any]  # all of it
    text: str
    device: str  # as torch calls it, or the GPU's name
    precision: str  # "float32" or "bfloat16"
    golden_video: float  # relative difference from the golden vectors
    golden_text: float
    golden_made_by: str  # "author" or "creation"
    tolerance: float
    clips_per_second: float
    texts_per_second: float
    tflop_per_clip: float
    matrix_share: float  # of the rate that plain matrix products reach on this device, 0..1

    def rows(self) -> list[tuple[str, str]]:
        """Return the rows of a table for people."""
        made_by = "its author" if self.golden_made_by == "author" else "the machine that made the bundle"
        return [
            ("encoder", str(self.encoder)),
            ("trained", "yes" if self.encoder.trained else "NO: random weights, its rankings mean nothing"),
            ("licence", self.encoder.licence + (" (academic use only)" if self.academic_only else "")),
            ("provenance", self.encoder.provenance),
            ("architecture", f"{self.architecture}; {self.parameters / 1e6:.1f} M parameters"),
            ("fingerprint", STATED[self.fingerprint_stated]),
            ("preprocessing", self.preprocessing),
            ("  in full", _in_full(self.clip_spec)),
            ("  of a raw cine", PROVEN[self.preprocessing_proven]),
            ("text", self.text),
            ("device", f"{self.device}, {self.precision}"),
            ("golden vectors", f"computed by {made_by}"),
            ("  video", f"differs by {self.golden_video:.1e} of its length (at most {self.tolerance:g})"),
            ("  text", f"differs by {self.golden_text:.1e} of its length (at most {self.tolerance:g})"),
            ("videos a second", f"{self.clips_per_second:.3g}, {self.tflop_per_clip:.3g} TFLOP each"),
            ("  of matrix rate", f"{self.matrix_share:.0%} of what plain matrix products reach here"),
            ("texts a second", f"{self.texts_per_second:.3g}"),
        ]


def check_bundle(folder: Path, device: str = "auto") -> CheckReport:
    """Load, check and time an encoder bundle. Raises BundleError, GoldenMismatch, ConfigError."""
    encoder = load_encoder(folder, device)
    golden = read_golden(folder / GOLDEN)
    kind = encoder.device.type
    batches = BATCHES.get(kind, 1)
    clips = [golden.clip] * BATCH["video"].get(kind, 1) * batches
    texts = list(golden.texts) * (BATCH["text"].get(kind, 2) // 2) * batches
    # the counter does not know every fused attention of every release: taken apart, it is two matrix products
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        encoder.encode_clips([golden.clip])
    tflop = counter.get_total_flops() / 1e12
    clips_per_second = len(clips) * _per_second(lambda: encoder.encode_clips(clips))
    manifest = encoder.manifest
    return CheckReport(
        encoder=encoder.id,
        academic_only=manifest.academic_only,
        architecture=_describe_architecture(manifest),
        parameters=sum(p.numel() for part in PARTS for p in encoder.tower(part).parameters()),
        preprocessing=describe_clip(encoder.clip_spec),
        preprocessing_proven=golden.raw is not None,
        fingerprint_stated=manifest.fingerprint is not None,
        clip_spec=asdict(encoder.clip_spec),
        text=f"{encoder.text_spec.language}, {encoder.text_spec.format}, {encoder.text_spec.max_tokens} tokens, "
        f"{manifest.tokenizer.kind} of {manifest.text.tower.vocabulary}",
        device=torch.cuda.get_device_name(encoder.device) if kind == "cuda" else str(encoder.device),
        precision=encoder.precision,
        golden_video=encoder.golden_difference["video"],
        golden_text=encoder.golden_difference["text"],
        golden_made_by=golden.made_by,
        tolerance=TOLERANCE[encoder.precision],
        clips_per_second=clips_per_second,
        texts_per_second=len(texts) * _per_second(lambda: encoder.encode_texts(texts)),
        tflop_per_clip=tflop,
        matrix_share=clips_per_second * tflop / _matrix_tflops(encoder),
    )


@dataclass(frozen=True)
class ViewsReport:
    """The result of check_views, which raises if something is wrong: a report is a pass."""

    view_classifier: str  # name, version and fingerprint
    trained: bool
    licence: str
    provenance: str
    academic_only: bool
    architecture: str
    parameters: int
    preprocessing: str
    preprocessing_proven: bool
    fingerprint_stated: bool
    clip_spec: dict[str, Any]
    labels: dict[str, str]  # its own classes -> ours
    device: str

    def rows(self) -> list[tuple[str, str]]:
        """Return the rows of a table for people."""
        return [
            ("view classifier", self.view_classifier),
            ("trained", "yes" if self.trained else "NO: random weights, its labels mean nothing"),
            ("licence", self.licence + (" (academic use only)" if self.academic_only else "")),
            ("provenance", self.provenance),
            ("architecture", f"{self.architecture}; {self.parameters / 1e6:.1f} M parameters"),
            ("fingerprint", STATED[self.fingerprint_stated]),
            ("preprocessing", f"{self.preprocessing}; an opinion is the mean over the frames"),
            ("  in full", _in_full(self.clip_spec)),
            ("  of a raw cine", PROVEN[self.preprocessing_proven]),
            ("classes", ", ".join(own if own == ours else f"{own} ({ours})" for own, ours in self.labels.items())),
            ("golden vectors", f"computed on {self.device} as where it was made"),
        ]


def check_views(folder: Path, device: str = "auto") -> ViewsReport:
    """Load and check a view-classifier bundle. Raises BundleError, GoldenMismatch, ConfigError."""
    views = load_views(folder, device)  # compares; an error is a difference
    made, tower = views.manifest, views.manifest.tower
    return ViewsReport(
        view_classifier=views.name,
        trained=made.trained,
        licence=made.licence,
        provenance=made.provenance,
        academic_only=made.academic_only,
        architecture=f"{tower.architecture} (depths {tower.depths}, widths {tower.widths})",
        parameters=sum(p.numel() for p in views.tower.parameters()),
        preprocessing=describe_clip(views.clip_spec),
        preprocessing_proven=read_raw(folder / GOLDEN) is not None,
        fingerprint_stated=made.fingerprint is not None,
        clip_spec=asdict(views.clip_spec),
        labels={own: str(ours) for own, ours in made.labels.items()},
        device=str(next(views.tower.parameters()).device),
    )


def describe_clip(spec: ClipSpec) -> str:
    """Return the preprocessing contract in a line: 16 frames, every 2nd; true RGB; ..."""
    step = f"{spec.seconds:g} s apart" if spec.seconds else f"every {spec.stride}" if spec.stride > 1 else "each"
    colour = {"rgb": "true RGB", "bgr": "BGR"}.get(spec.color, spec.color.replace("_", " "))
    field = f"{spec.field_mm:g} mm where the scale is known, else " if spec.field_mm is not None else ""
    cut = "shorter side" if spec.resize == "shortest_edge" else f"centre square, {spec.zoom:.0%} cut off each side,"
    padding = "last frame repeated" if spec.padding == "repeat_last" else "zeros after normalising"
    mask = "outside the sector masked; " if spec.mask == "sector" else ""
    closer = f"at least {spec.at_least} where there are, then " if spec.at_least > 1 else ""
    pixels = f"{colour}; {mask}{field}{cut} to {spec.size}, {spec.kernel}"
    return f"{spec.frames} frames, {step}; {pixels}; short cines: {closer}{padding}"


def _in_full(spec: dict[str, Any]) -> str:
    """Every field of a ClipSpec, also those that a later version adds."""
    return ", ".join(f"{name} {_value(value)}" for name, value in spec.items())


def _value(value: object) -> str:
    return "/".join(map(_value, value)) if isinstance(value, tuple) else str(value).replace("_", " ")


def _describe_architecture(manifest: Manifest) -> str:
    tower, text = manifest.video.tower, manifest.text.tower
    shape = ", ".join(f"{key} {value}" for key, value in tower if key in ("width", "depth", "pooling", "positions"))
    return f"{tower.architecture}{f' ({shape})' if shape else ''} and {text.architecture} ({text.depth} x {text.width})"


def _per_second(run: Callable[[], object]) -> float:
    """Calls a second, after one to warm up; every call ends with its result on the CPU."""
    run()
    start = time.perf_counter()
    calls = 0
    while calls == 0 or time.perf_counter() - start < SECONDS:
        run()
        calls += 1
    return calls / (time.perf_counter() - start)


def _matrix_tflops(encoder: TorchEncoder) -> float:
    """What a plain matrix product reaches on this device in the encoder's precision."""
    cuda = encoder.device.type == "cuda"
    n, repeats = (8192, 20) if cuda else (1024, 5)
    a = torch.randn(n, n, device=encoder.device, dtype=getattr(torch, encoder.precision))

    def products() -> None:
        for _ in range(repeats):
            torch.mm(a, a)
        if cuda:
            torch.cuda.synchronize(encoder.device)

    return _per_second(products) * repeats * 2 * n**3 / 1e12
