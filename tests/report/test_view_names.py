"""View labels of laboratories."""

import pytest

from echosearch.report.view_names import is_unknown, label_view, view_named
from echosearch.video import View


@pytest.mark.parametrize("view", list(View))
def test_every_view_is_its_own_name(view: View) -> None:
    assert view_named(view.value) is view_named(view.value.lower()) is view


@pytest.mark.parametrize(
    ("label", "view"),
    [
        ("A4C", View.CH4),
        ("4ch", View.CH4),
        ("４ＣＨ", View.CH4),
        ("四腔像", View.CH4),
        ("心尖部四腔断面像", View.CH4),
        ("Apical 4-Chamber", View.CH4),
        ("ap_4c view", View.CH4),
        ("二腔像", View.CH2),
        ("A2C", View.CH2),
        ("A3C", View.CH3),
        ("心尖部長軸像", View.CH3),
        ("PLAX", View.LAX),
        ("傍胸骨左室長軸像", View.LAX),
        ("Parasternal_Long", View.LAX),
        ("PSAX", View.SAX),
        ("胸骨左縁短軸像", View.SAX),
        ("その他", View.OTHER),
        ("A4CH", View.CH4),
        ("a-3ch", View.CH3),
        ("Apex 2CH", View.CH2),
        ("心尖4C", View.CH4),
        ("parasternal LAX", View.LAX),
        ("傍胸骨左縁長軸像", View.LAX),
        ("PSAX (MV)", View.SAX),
        ("PSAX at papillary muscle level", View.SAX),
        ("SAX-PM", View.SAX),
        ("短軸像（乳頭筋レベル）", View.SAX),
    ],
)
def test_synonyms(label: str, view: View) -> None:
    assert view_named(label) is view


@pytest.mark.parametrize(
    "label", ["A5C", "5CH", "Subcostal", "心窩部", "", "4", "CH", "apex", "A4C zoom", "乳頭筋レベル"]
)
def test_what_is_none_of_the_views_is_other_and_keeps_its_wording(label: str) -> None:
    assert view_named(label) is None
    made = label_view(label, 0.7, "csv")
    assert (made.view, made.prob, made.raw) == (View.OTHER, 0.7, label)
    assert is_unknown(made)
    assert not is_unknown(label_view("その他", 0.7, "csv"))
