"""Which words of a machine's name are shown, and which device a condition means."""

import pytest

from echosearch.device import hidden_label, is_shown, matching, nearest_devices, patient_words, tidy
from echosearch.phantom.patients.machine import LOOKS

MACHINES = [
    *("GE Vivid™ E95", "GE Vingmed Ultrasound Vivid E9", "GE MEDICAL SYSTEMS LOGIQ E10", "Vivid S70", "EPIQ 7C"),
    *(
        "Philips Medical Systems iE33",
        "SIEMENS ACUSON SC2000",
        "TOSHIBA_MEC SSH-880CV",
        "ﾄｳｼﾊﾞ Aplio",
        "ＧＥ　Ｖｉｖｉｄ",
    ),
    *("Hitachi Aloka Medical,Ltd. ProSound F75", "FUJIFILM Healthcare Corporation LISENDO 880", "Mindray M9"),
    *("Canon Medical Systems Aplio i900", "SAMSUNG MEDISON CO., LTD. RS85", "ESAOTE MyLabX8", "SonoSite, Inc. Turbo"),
    *(f"{look.manufacturer} {look.model}" for look in LOOKS),
]


@pytest.mark.parametrize("said", MACHINES)
def test_a_machine_is_shown(said: str) -> None:
    assert is_shown(said)


@pytest.mark.parametrize(
    "said",
    [
        *("YAMADA^TARO", "山田太郎", "GE YAMADA TARO", "Vivid E95 YAMADA", "GE 0012345", "GE 19500101", "Philips Sato"),
        *("ヤマダ タロウ", "ﾔﾏﾀﾞ", "Dr. Smith", "5", "A", "E95", "unknown", "Yamada1 GE", "GE\u0301 Müller", "㈱山田"),
    ],
)
def test_what_is_not_known_to_be_one_is_not(said: str) -> None:
    assert not is_shown(said)
    label = hidden_label(said, "3f2a91c0ffff")
    assert label.endswith("device 3f2a91c0")
    assert not {"yamada", "taro", "sato", "smith", "0012345"} & set(label.lower().split())


def test_a_patient_who_is_called_like_a_maker() -> None:
    assert is_shown("Canon Aplio")
    assert not is_shown("Canon Aplio", ("CANON^JIRO", ""))
    assert not is_shown("GE Vivid 95", ("", "95"))
    assert hidden_label("Canon Aplio", "00", ("CANON^JIRO",)) == "device 00"


def test_what_a_file_says_in_one_line() -> None:
    assert tidy(" GE \n Vivid ") == "GE Vivid"
    assert tidy("") is tidy(None) is tidy(" ") is None
    assert len(tidy("x" * 9000) or "") == 200


DEVICES = {name: name for name in ("GE Vivid E95", "Vivid E9", "ACME Sono 5", "ACME Sono 50")} | {
    "device 1234abcd": "Umbrella Foo 3"
}


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        *(("acme sono 5", ["ACME Sono 5"]), ("Sono 5", ["ACME Sono 5"]), ("ＳＯＮＯ　５", ["ACME Sono 5"])),
        *(("ACME", ["ACME Sono 5", "ACME Sono 50"]), ("vivid-e95", ["GE Vivid E95"]), ("vivide95", ["GE Vivid E95"])),
        *(("vivid", ["GE Vivid E95", "Vivid E9"]), ("E9", ["Vivid E9"]), ("viv", ["GE Vivid E95", "Vivid E9"])),
        *(("foo", ["device 1234abcd"]), ("device 1234", ["device 1234abcd"]), ("Sono 6", []), ("^", [])),
    ],
)
def test_a_device_by_any_part(asked: str, meant: list[str]) -> None:
    assert matching(asked, DEVICES) == meant


def test_the_nearest_devices_never_show_what_is_hidden() -> None:
    assert nearest_devices("Sono 6", DEVICES)[0] == "ACME Sono 5"
    assert nearest_devices("Umbrella Fo", DEVICES, 1) == ["ACME Sono 5"]
    assert nearest_devices("x", []) == []


def test_an_identifier_hides_a_device_only_as_a_whole() -> None:
    assert patient_words("GE abc 0012", "Kato^Ken", "0012-ABC") == ("Kato^Ken", "0012-ABC")
    assert patient_words("PHANTOM A SYNTHETIC ONE", "Kato^Ken", "PHANTOM-S1-0001") == ("Kato^Ken",)
    assert patient_words("GE Vivid E95", "", "") == ("",)
