"""What is shown of search results beside the hits."""

from __future__ import annotations

from echosearch.cli.answers.searches import shown_results
from echosearch.encoder_info import EncoderInfo
from echosearch.search.results import Results


def test_where_the_encoder_came_from_is_one_short_line() -> None:
    """It stands under every answer; a trained encoder's provenance is a paragraph."""
    encoder = EncoderInfo("echo", "4", "f" * 64, 512, "CC BY 4.0", "trained on 2,655 studies, " * 40, trained=True)
    (line,) = (part[1] for part in shown_results(Results((), encoder, {}), False, False).parts if part[0] == "note")
    assert line.startswith("encoder echo 4, licence CC BY 4.0; trained on 2,655 studies, trained on")
    assert line.endswith(" ... (echosearch encoder check)")
    assert len(line) < 200
