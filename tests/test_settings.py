"""Settings come from the environment, once, and say what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from echosearch.archive import open_archive
from echosearch.errors import ConfigError
from echosearch.settings import Settings, load_settings


def test_every_field_has_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ECHOSEARCH_HOME", str(tmp_path))
    monkeypatch.setenv("ECHOSEARCH_WORKERS", "3")
    monkeypatch.setenv("ECHOSEARCH_DATABASE_URL", "postgresql://user:secret@host/db")
    settings = load_settings()
    assert (settings.home, settings.workers, settings.key_path) == (tmp_path, 3, tmp_path / "key")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "0"), ("WORKERS", "many"), ("LOCK_WAIT_SECONDS", "-1")])
def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ECHOSEARCH_{name}", value)
    with pytest.raises(ConfigError, match=f"ECHOSEARCH_{name}"):
        load_settings()


def test_one_server_without_the_other_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="ECHOSEARCH_DATABASE_URL"),
        open_archive(Settings(home=tmp_path, qdrant_url="http://127.0.0.1:6333")),
    ):
        pass
