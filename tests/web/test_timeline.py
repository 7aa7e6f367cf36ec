"""Lines of a timeline: a change that is no more than usual is no line from top to bottom."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.encoder_info import EncoderInfo
from echosearch.search.changes.scale import ChangeScale, Told
from echosearch.search.changes.timeline import Timeline, TimelineFinding, TimelineStudy
from echosearch.web.pages.timeline import EDGE, HEIGHT, _points

INFO = EncoderInfo("echo", "1", "ab" * 32, 8, "", "", trained=True)
SCALE = ChangeScale(np.linspace(-1.0, 1.0, 101), "unchanged pairs")  # robust standard deviation 0.74


@pytest.mark.parametrize(("change", "share"), [(0.2, 0.07), (2 * 0.7413, 0.5), (9.0, 1.0)])
def test_a_line_is_as_high_as_its_change_is_notable(change: float, share: float) -> None:
    columns: list[TimelineFinding | None] = [TimelineFinding("mr", Told(), score) for score in (1.0, 1.0 + change)]
    studies = tuple(TimelineStudy(str(place), "2020-01", 12 * place, 60, True, False, ()) for place in (0, 1))
    found = Timeline("patient", studies, {"mr": "MR"}, {"mr": SCALE}, INFO, ())
    (_, _, first), (_, _, second) = _points(found, columns, SCALE)
    assert (first - second) / (HEIGHT - 2 * EDGE) == pytest.approx(share, abs=0.01)
    assert (first + second) / 2 == pytest.approx(HEIGHT / 2, abs=0.1)
