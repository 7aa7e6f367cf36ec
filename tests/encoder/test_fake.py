"""FakeEncoder: vectors that can be worked out."""

import numpy as np

from echosearch.clip import Clip
from echosearch.encoder.base import Encoder
from echosearch.encoder.fake import FakeEncoder


def clip_of(colour: tuple[int, int, int]) -> Clip:
    return Clip("k", np.full((4, 32, 32, 3), colour, np.uint8), 4)


def test_a_plain_clip_is_its_colour_through_the_matrix() -> None:
    fake = FakeEncoder()
    expected = (np.tile(np.array([1.0, 0.0, 0.2], np.float32), 16) + 0.01) @ fake.matrix
    assert np.allclose(fake.encode_clips([clip_of((255, 0, 51))])[0], expected, atol=1e-5)


def test_rows_stand_in_order_and_batches_are_counted() -> None:
    fake: Encoder = FakeEncoder(dimension=16, batch=2)
    clips = [clip_of((i, 0, 0)) for i in range(5)]
    together = fake.encode_clips(clips)
    assert together.shape == (5, 16)
    assert together.dtype == np.float32
    assert isinstance(fake, FakeEncoder)
    assert fake.batches == 3
    assert np.array_equal(together[3], fake.encode_clips([clips[3]])[0])
    assert fake.encode_clips([]).shape == (0, 16)
    assert fake.batches == 4  # none for nothing


def test_texts_count_their_letter_pairs() -> None:
    fake = FakeEncoder()
    near, same, far = fake.encode_texts(["軽度のMR", "軽度のMR。", "心嚢液貯留"])
    assert np.array_equal(near, same)  # both are 「軽度のMR。」 to the model
    assert near.sum() == len("^軽度のMR。$") - 1
    assert near @ far < near @ near


def test_salt_makes_another_encoder() -> None:
    one, other = FakeEncoder(), FakeEncoder(salt="b")
    assert one.id.fingerprint != other.id.fingerprint
    assert one.id == FakeEncoder().id
    assert not np.allclose(one.encode_clips([clip_of((9, 9, 9))]), other.encode_clips([clip_of((9, 9, 9))]))
