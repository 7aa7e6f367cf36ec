"""Long tables cost a few statements, not a few for each thousand rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event, text

from echosearch.db.server.copying import copy_rows
from echosearch.db.studies.reports import IncomingReport, stage_reports
from echosearch.db.studies.view_labels import put_view_labels
from echosearch.errors import StoreUnreachable
from echosearch.video import View, ViewLabel
from tests.db.conftest import KEYRING


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("rows", [1, 5000])
def test_reports(engine: Engine, rows: int) -> None:
    reports = [IncomingReport("正常", study_uid=f"1.{n}") for n in range(rows)]
    with counted(engine) as statements, engine.begin() as connection:
        assert stage_reports(connection, KEYRING, iter(reports)) == rows
        assert stage_reports(connection, KEYRING, iter(reports)) == 0
    assert len(statements) <= 16


@pytest.mark.parametrize("rows", [1, 5000])
def test_labels(engine: Engine, rows: int) -> None:
    labels = [(KEYRING.video(f"1.{n}"), ViewLabel(View.CH4, 1.0, "csv", "A4C")) for n in range(rows)]
    with counted(engine) as statements, engine.begin() as connection:
        assert put_view_labels(connection, iter([*labels, *labels])) == 0
        assert connection.scalar(text("select count(*) from core.view_label")) == rows
    assert len(statements) <= 9


def test_a_failing_row_leaves_nothing(engine: Engine) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        yield 1, "a"
        raise ValueError("the second row")

    with pytest.raises(ValueError, match="the second row"), engine.begin() as connection:
        copy_rows(connection, "some_rows", "n bigint, word text", rows())
    with engine.begin() as connection:
        assert copy_rows(connection, "some_rows", "n bigint, word text", [(1, "tab\tand\nline\\"), (2, "左室")]) == 2
        assert connection.scalars(text("select word from some_rows order by n")).all() == ["tab\tand\nline\\", "左室"]
        assert copy_rows(connection, "some_rows", "n bigint", []) == 0


def test_a_server_that_goes_away_is_one_line(engine: Engine) -> None:
    def rows(pid: int) -> Iterator[tuple[int, str]]:
        for n in range(200_000):
            if n == 10:
                with engine.connect() as other:
                    other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
            yield n, "山田太郎"

    def copied() -> None:
        with engine.begin() as connection:
            pid = connection.scalar(text("select pg_backend_pid()"))
            copy_rows(connection, "some_rows", "n bigint, word text", rows(pid))

    with pytest.raises(StoreUnreachable, match=r"PostgreSQL under .* does not answer") as caught:
        copied()
    assert "山田" not in str(caught.value)
