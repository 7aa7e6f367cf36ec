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
    monkeypatch.setenv("ECHOSEARCH_DATABASE_URL", "postgresql://user:hunter2@host/db")
    settings = load_settings()
    assert (settings.home, settings.workers, settings.key_path) == (tmp_path, 3, tmp_path / "key")
    assert "hunter2" not in repr(settings)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the key and the database would come to lie where the command happens to be called."""
    for name in ("HOME", "KEY_FILE", "ENCODER", "DATABASE_URL", "QDRANT_URL"):
        monkeypatch.setenv(f"ECHOSEARCH_{name}", "")
    settings = load_settings()
    assert settings.home == Path("~/.local/share/echosearch").expanduser()
    assert settings.key_path == settings.home / "key"
    assert (settings.encoder, settings.database_url, settings.qdrant_url) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("WORKERS", "0"), ("WORKERS", "many"), ("LOCK_WAIT_SECONDS", "-1")),
        *(("HOME", "/\udcff"), ("DATABASE_URL", "postgresql://user:\udcff@host/db")),
        *(("HOME", "~nobody-of-that-name/x"), ("KEY_FILE", "~nobody-of-that-name/key")),
    ],
)
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
