"""What prose leaves unsaid: the valve that a sentence before named, causes, what is compared with an earlier day."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.facts.test_rules import expected, read

LINES = (Path(__file__).parent / "prose.txt").read_text(encoding="utf-8").splitlines()
EXAMPLES = [line for line in LINES if line and not line.startswith("# ")]
VALVES = {
    "aortic": ("as", "ar"),
    "mitral": ("ms", "mr"),
    "tricuspid": ("ts", "tr"),
    "pulmonic": ("pulm_stenosis", "pr"),
}
SUBJECTS = (
    *("The {} valve is thickened; ", "The {} valve is thickened. ", "The {} valve leaflets are mildly thickened. "),
    *("Thickened {} valve. ", "The {} valve appears thickened. There is "),
)
SAID = (
    ("no stenosis.", "{0} a"),
    ("no regurgitation.", "{1} a"),
    ("no significant stenosis or regurgitation.", "{0} n, {1} n"),
    ("moderate stenosis and mild regurgitation.", "{0} p[3,3], {1} p[2,2]"),
    ("trace regurgitation, no stenosis.", "{1} p[1,1], {0} a"),
)


@pytest.mark.parametrize("valve", VALVES)
def test_the_valve_of_the_sentence_before_is_lent(valve: str) -> None:
    wrong = []
    for subject in SUBJECTS:
        for words, facts in SAID:
            text = subject.format(valve) + words
            if read(text) != expected(facts.format(*VALVES[valve])):
                wrong.append(text)
    assert wrong == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_prose_is_read_as_it_is_meant(example: str) -> None:
    text, _, facts = example.rpartition(" => ")
    assert read(text.replace("\\n", "\n")) == expected(facts)
