"""similar - and report -: a study from standard input, so that no other user of the machine sees it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from echosearch.cli.search_options import read_target
from echosearch.errors import InputError


@click.command()
@click.argument("target")
def shown(target: str) -> None:
    click.echo(f"[{read_target(target)}]")


@pytest.mark.parametrize(
    ("given", "read"),
    [("A0001\n", "A0001"), ("\ufeff 1.2.392.1 \r\n", "1.2.392.1"), ("検査 1.dcm", "検査 1.dcm"), ("-", "-")],
)
def test_one_line_of_standard_input(given: str, read: str) -> None:
    assert CliRunner().invoke(shown, ["--", "-"], input=given).stdout == f"[{read}]\n"


def test_what_is_named_is_taken() -> None:
    assert CliRunner().invoke(shown, ["A0001"], input="other").stdout == "[A0001]\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"A0001\nA0002\n", "2 lines"),
        (b"\xff", "UTF-8"),
        (b"x" * 9000, "more"),
    ],
)
def test_what_names_no_study(given: bytes, said: str) -> None:
    done = CliRunner().invoke(shown, ["--", "-"], input=given)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)
    assert "A0001" not in str(done.exception)
