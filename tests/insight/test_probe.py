"""What vectors tell of an attribute: planted, and not there."""

from __future__ import annotations

from uuid import NAMESPACE_OID, uuid5

import numpy as np

from echosearch.insight.probe import probe
from echosearch.insight.rates import Rate, Rates

PATIENTS = [str(uuid5(NAMESPACE_OID, f"p{row // 2}")) for row in range(300)]


def vectors(labels: list[str], strength: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    random = np.random.default_rng(1)
    made = random.standard_normal((len(labels), 16))
    made[:, 0] += strength * np.array([label == "GE" for label in labels])
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))


def test_an_attribute_in_the_vectors_is_read_and_one_that_is_not_is_chance() -> None:
    random = np.random.default_rng(2)
    labels = [str(label) for label in random.choice(["GE", "Philips"], 300, p=[0.2, 0.8])]
    told = probe("vendor", vectors(labels, 8.0), labels, PATIENTS)
    assert told.accuracy is not None
    assert told.low is not None
    assert told.accuracy > 0.9
    assert told.low > 0.8
    assert (told.classes, told.studies, told.chance) == (2, 300, 0.5)
    silent = probe("vendor", vectors(labels, 0.0), labels, PATIENTS)
    assert silent.low is not None
    assert silent.high is not None
    assert silent.low < 0.5 < silent.high + 0.02


def test_rare_and_unknown_labels_are_left_out() -> None:
    labels: list[str | None] = ["GE"] * 290 + ["Canon"] * 5 + [None] * 5
    found = probe("vendor", np.ones((300, 4)), labels, PATIENTS)
    assert (found.classes, found.studies, found.accuracy) == (1, 290, None)


def test_rates_count_devices_and_years() -> None:
    rates = Rates()
    for device, month, surprising in (
        ("B", 202001, True),
        ("B", 202102, False),
        (None, 202003, True),
        ("A", None, False),
    ):
        rates.add(device, month, surprising)
    assert rates.table() == (
        Rate("device", "A", 1, 0),
        Rate("device", "B", 2, 1),
        Rate("year", "2020", 2, 2),
        Rate("year", "2021", 1, 0),
    )
    assert rates.surprising == 2
