"""View classification: every frame on its own, padding left out, probabilities of all classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from echosearch.clip import Clip, ClipSpec, clip_indices
from echosearch.encoder.bundle.folder import bundle_kind
from echosearch.encoder.bundle.installed import list_bundles, use_views, views_in_use
from echosearch.encoder.bundle.manifest import ConvNextSpec, ViewManifest
from echosearch.encoder.towers.build import normalise
from echosearch.encoder.towers.convnext import FrameConvNext
from echosearch.encoder.view_classifier import ViewClassifier, frame_logits, load_views, save_views
from echosearch.encoder_info import ViewProbabilities
from echosearch.errors import BundleError, GoldenMismatch, NoEncoder
from echosearch.video import View

LABELS = {"A2C": View.CH2, "A4C": View.CH4, "A5C": View.OTHER, "SSN": View.OTHER}
MANIFEST = ViewManifest(
    name="tiny-views",
    version="0",
    licence="Apache-2.0",
    provenance="random weights",
    trained=False,
    tower=ConvNextSpec(depths=(1, 1, 1, 1), widths=(8, 8, 16, 16)),
    clip=ClipSpec(frames=4, stride=3, size=32, padding="zeros", mean=(0.1, 0.1, 0.1), std=(0.2, 0.2, 0.2)),
    labels=LABELS,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views") / "tiny-views"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tower = FrameConvNext(MANIFEST.tower, len(LABELS))
        torch.nn.init.normal_(tower.head.weight, std=3.0)  # so that it has opinions
    save_views(folder, MANIFEST, tower.state_dict())
    return folder


@pytest.fixture(scope="module")
def classifier(bundle: Path) -> ViewClassifier:
    return load_views(bundle, "cpu")


def clips(n: int, n_valid: int = 4) -> list[Clip]:
    pixels = np.random.default_rng(1).integers(0, 256, (n, 4, 32, 32, 3), dtype=np.uint8)
    return [Clip(str(i), pixels[i], n_valid) for i in range(n)]


def test_the_mean_of_the_frames_opinions(classifier: ViewClassifier) -> None:
    (clip,) = clips(1, n_valid=3)
    video = normalise(torch.from_numpy(clip.pixels)[None], torch.tensor([3]), classifier.clip_spec)
    with torch.inference_mode():
        each = frame_logits(classifier.tower, video).softmax(dim=-1)[0]
    (found,) = classifier.classify([clip])
    assert np.allclose(found.probabilities, each[:3].mean(dim=0), atol=1e-6)  # the padding has no say
    assert sum(found.probabilities) == pytest.approx(1)
    assert found.labels == tuple(LABELS)
    assert found.source.startswith("tiny-views 0 (")


def test_one_answer_for_each_clip_in_order(classifier: ViewClassifier) -> None:
    together = classifier.classify(clips(6))
    alone = [classifier.classify([clip])[0] for clip in clips(6)]
    for one, other in zip(together, alone, strict=True):
        assert np.allclose(one.probabilities, other.probabilities, atol=1e-5)
    assert classifier.classify([]) == []


def test_a_clip_of_another_spec_is_refused(classifier: ViewClassifier) -> None:
    with pytest.raises(ValueError, match="takes clips of 4 frames"):
        classifier.classify([Clip("k", np.zeros((2, 32, 32, 3), np.uint8), 2)])


def test_the_likeliest_class_names_the_view_and_classes_that_mean_it_add_up() -> None:
    """As EchoPrime's authors choose: not the view with most classes."""
    found = ViewProbabilities(tuple(LABELS), tuple(LABELS.values()), (0.3, 0.25, 0.2, 0.25), "c")
    assert found.of(View.OTHER) == pytest.approx(0.45)
    assert found.of(View.LAX) == 0
    assert (found.best.view, found.best.raw) == (View.CH2, "A2C")
    assert found.best.prob == pytest.approx(0.3)
    found = ViewProbabilities(tuple(LABELS), tuple(LABELS.values()), (0.1, 0.2, 0.3, 0.4), "c")
    assert (found.best.view, found.best.raw) == (View.OTHER, "SSN")
    assert found.best.prob == pytest.approx(0.7)


@pytest.mark.parametrize("n_frames", range(1, 12))
def test_a_short_cine_shows_three_frames_where_it_has_them(classifier: ViewClassifier, n_frames: int) -> None:
    for spec in (classifier.clip_spec, ClipSpec(frames=4, seconds=0.3, at_least=3)):
        indices = clip_indices(spec, n_frames, 0.1)
        assert min(3, n_frames) <= len(indices) <= 4
        assert indices == sorted(set(indices))
        assert indices[-1] < n_frames


def test_a_view_is_judged_on_three_frames_at_least() -> None:
    with pytest.raises(ValidationError, match="at least 3 frames"):
        ViewManifest(**{**MANIFEST.model_dump(), "clip": ClipSpec(frames=2)})


def test_its_golden_vectors_are_checked(bundle: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    with np.load(copy / "golden.npz") as golden:
        np.savez(copy / "golden.npz", pixels=golden["pixels"], probabilities=golden["probabilities"][:, ::-1])
    with pytest.raises(GoldenMismatch, match="view vectors"):
        load_views(copy, "cpu")


def test_ingest_finds_the_one_in_use(bundle: Path, tmp_path: Path) -> None:
    assert views_in_use(tmp_path) is None
    name = use_views(tmp_path, bundle)
    used = views_in_use(tmp_path)
    assert used == tmp_path / "encoders" / name
    assert bundle_kind(used) == "view_classifier"
    assert list_bundles(tmp_path) == []  # it is no encoder
    (tmp_path / "views").write_text("gone\n")
    with pytest.raises(NoEncoder, match="gone"):
        views_in_use(tmp_path)


def test_an_encoder_is_no_view_classifier(tiny_bundle: Path, tmp_path: Path) -> None:
    assert bundle_kind(tiny_bundle) == "encoder"
    with pytest.raises(BundleError, match=r"bundle\.toml"):
        use_views(tmp_path, tiny_bundle)
