"""The rule that tells a report from what a wrong encoding leaves of it."""

import pytest

from echosearch.report.known import is_known

TEXT = "重度の僧帽弁逆流を認める。左室収縮能は良好。"


@pytest.mark.parametrize("text", [TEXT, "別紙参照", "severe MR", "EF 55±5%", "ﾄﾞﾌﾟﾗ", "取消"])
def test_what_people_write(text: str) -> None:
    assert is_known(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *(("utf-8", "cp932"), ("utf-8", "euc_jp"), ("utf-8", "latin-1"), ("utf-8", "cp1252"), ("utf-8", "mac_roman")),
        *(("euc_jp", "cp932"), ("euc_jp", "latin-1"), ("cp932", "utf-8"), ("cp932", "latin-1"), ("cp932", "euc_jp")),
        *(("iso2022_jp", "utf-8"), ("cp932", "gb18030"), ("cp932", "cp949"), ("utf-16-le", "utf-16-be")),
    ],
)
@pytest.mark.parametrize("lost", ["replace", "ignore"])
def test_what_a_wrong_encoding_leaves(written: str, read: str, lost: str) -> None:
    assert not is_known(TEXT.encode(written).decode(read, lost))


@pytest.mark.parametrize("text", ["", "?" * 12, "$B=EEY$NANK9J[5UN.", "x", "\x8fd\x93x MR"])
def test_what_says_nothing(text: str) -> None:
    assert not is_known(text)
