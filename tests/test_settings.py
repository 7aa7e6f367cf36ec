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


@pytest.mark.parametrize(
    ("name", "meant"), [("DATABASE_URI", "DATABASE_URL"), ("WORKER", "WORKERS"), ("Isuer", "ISSUER"), ("HOMES", "HOME")]
)
def test_a_misspelt_setting_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, meant: str) -> None:
    """Else an archive elsewhere would be filled without a word."""
    monkeypatch.setenv(f"ECHOSEARCH_{name}", "postgresql://user:geheim@host/db")
    with pytest.raises(ConfigError, match=f"ECHOSEARCH_{name} is no setting: did you mean ECHOSEARCH_{meant}") as error:
        load_settings()
    assert "geheim" not in str(error.value)


def test_other_names_with_the_prefix_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes sets them for services of these names; the tests have some of their own."""
    for name in ("SERVICE_HOST", "PORT", "PORT_8000_TCP", "DATABASE_PORT", "QDRANT_PORT", "REQUIRE", "PICTURES"):
        monkeypatch.setenv(f"ECHOSEARCH_{name}", "tcp://10.0.0.1:5432")
    load_settings()


def test_one_server_without_the_other_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="ECHOSEARCH_DATABASE_URL"),
        open_archive(Settings(home=tmp_path, qdrant_url="http://127.0.0.1:6333")),
    ):
        pass
