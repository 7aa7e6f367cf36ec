"""TorchEncoder: right rows in the right order, whatever the batch."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from echosearch.clip import Clip, ClipSpec
from echosearch.encoder.base import Encoder
from echosearch.encoder.forward import in_batches
from echosearch.encoder.torch_encoder import TorchEncoder, load_encoder, pick_device
from echosearch.encoder.towers.build import load_weights, normalise, use_weights
from echosearch.errors import BundleError, ConfigError

TEXTS = ["左室拡大なし", "重度僧帽弁逆流。" * 20, "", "EF 55.5%、軽度のMR", "左室拡大なし"]


@pytest.fixture(scope="module")
def encoder(tiny_bundle: Path) -> TorchEncoder:
    return load_encoder(tiny_bundle, "cpu")


def clips(n: int) -> list[Clip]:
    pixels = np.random.default_rng(1).integers(0, 256, (n, 16, 112, 112, 3), dtype=np.uint8)
    return [Clip(str(i), pixels[i], 16) for i in range(n)]


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float((np.linalg.norm(a - b, axis=-1) / np.linalg.norm(b, axis=-1)).max())


def test_a_clip_has_the_same_vector_in_every_batch(encoder: TorchEncoder) -> None:
    seam: Encoder = encoder
    seven = clips(7)
    together = seam.encode_clips(seven)
    alone = np.concatenate([seam.encode_clips([clip]) for clip in seven])
    assert together.shape == (7, 512)
    assert together.dtype == np.float32
    assert relative(together, alone) < 1e-5
    assert np.linalg.norm(together[0] - together[1]) > 1e-3  # and they are not all the same


def test_a_text_has_the_same_vector_in_every_batch_and_its_own_row(encoder: TorchEncoder) -> None:
    together = encoder.encode_texts(TEXTS)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert relative(together, alone) < 1e-5
    assert relative(together[0], together[4]) < 1e-5
    assert relative(together[0], together[1]) > 1e-2


def test_the_same_call_gives_the_same_bits(encoder: TorchEncoder) -> None:
    assert np.array_equal(encoder.encode_clips(clips(3)), encoder.encode_clips(clips(3)))
    assert np.array_equal(encoder.encode_texts(TEXTS), encoder.encode_texts(TEXTS))


def test_another_process_loads_the_same_encoder(encoder: TorchEncoder) -> None:
    sent = pickle.loads(pickle.dumps(encoder))
    assert sent.id == encoder.id
    assert np.array_equal(sent.encode_texts(TEXTS), encoder.encode_texts(TEXTS))


def test_a_long_text_is_read_to_its_end(encoder: TorchEncoder) -> None:
    measured = [f"計測{i}は{20 + i}mm" for i in range(59)]
    grave, none = encoder.encode_texts(["。".join([*measured, last]) for last in ("重度のMRあり", "MRなし")])
    assert relative(grave[None], none[None]) > 1e-4
    assert [note.left_out for note in encoder.text_notes(["。".join(measured)])] == [0]


def test_nothing_in_nothing_out(encoder: TorchEncoder) -> None:
    assert encoder.encode_clips([]).shape == (0, 512)
    assert encoder.encode_texts([]).shape == (0, 512)


def test_texts_are_formatted_and_truncated_inside(encoder: TorchEncoder) -> None:
    assert np.array_equal(encoder.encode_texts(["左室拡大なし"]), encoder.encode_texts(["左室拡大なし。"]))
    assert encoder.encode_texts(["左室拡大あり" * 500]).shape == (1, 512)


def test_a_clip_of_another_spec_is_refused(encoder: TorchEncoder) -> None:
    with pytest.raises(ValueError, match="takes clips of"):
        encoder.encode_clips([Clip("k", np.zeros((8, 112, 112, 3), np.uint8), 8)])


def test_a_query_loads_only_the_text_tower(tiny_bundle: Path) -> None:
    encoder = load_encoder(tiny_bundle, "cpu", parts=("text",))
    assert set(encoder.golden_difference) == {"text"}
    encoder.encode_clips(clips(1))  # the other comes when it is needed, checked too
    assert encoder.golden_difference["video"] < 1e-5


def test_normalise_is_the_formula() -> None:
    spec = ClipSpec(frames=2, size=4, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    pixels = torch.randint(0, 256, (1, 2, 4, 4, 3), dtype=torch.uint8)
    out = normalise(pixels, torch.tensor([2]), spec)
    assert out.shape == (1, 3, 2, 4, 4)
    assert out[0, 2, 1, 3, 0].item() == pytest.approx((pixels[0, 1, 3, 0, 2].item() / 255 - 0.3) / 0.125, abs=1e-5)


def test_zeros_padding_is_zero_after_normalising() -> None:
    spec = ClipSpec(frames=4, size=2, padding="zeros", mean=(0.5, 0.5, 0.5), std=(0.1, 0.1, 0.1))
    pixels = torch.zeros((2, 4, 2, 2, 3), dtype=torch.uint8)
    out = normalise(pixels, torch.tensor([3, 4]), spec)
    assert out[0, :, :3].eq(-5).all()
    assert out[0, :, 3].eq(0).all()
    assert out[1].eq(-5).all()


def test_a_full_gpu_halves_the_batch_and_keeps_the_order() -> None:
    sizes = []

    def run(batch: object) -> torch.Tensor:
        assert isinstance(batch, list)
        sizes.append(len(batch))
        if len(batch) > 3:
            raise torch.OutOfMemoryError("full")
        return torch.tensor([[float(item)] for item in batch])

    vectors, fitted = in_batches(run, list(range(8)), 8)
    assert vectors[:, 0].tolist() == list(range(8))
    assert fitted == 2
    assert sizes == [8, 4, 2, 2, 2, 2]


def test_a_gpu_too_small_for_one_says_so() -> None:
    def run(batch: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError):
        in_batches(run, [1, 2, 3], 4)


def test_weights_that_do_not_fit_are_listed(tiny_bundle: Path) -> None:
    weights = load_weights(tiny_bundle / "weights.safetensors", "video")
    tower = torch.nn.Linear(2, 2)
    with pytest.raises(BundleError, match=r"missing weight; missing bias; unexpected blocks\.0.*and \d+ more"):
        use_weights(tower, weights)
    with pytest.raises(BundleError, match=r"weight is \(3, 2\), should be \(2, 2\)"):
        use_weights(tower, {"weight": torch.zeros(3, 2), "bias": torch.zeros(2)})


@pytest.mark.parametrize("device", ["tpu-ish", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=device):
        pick_device(device)
