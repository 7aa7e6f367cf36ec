"""docker-compose.yml, Dockerfile and .env.example say what docs/operations.md claims. No Docker engine is needed.

What this cannot show is that the images start: run ``docker compose up -d --wait`` where there is an engine.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
    "wheel"
]
SECRETS = ("POSTGRES_PASSWORD", "QDRANT_API_KEY")


def instructions(name: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.removeprefix(name).strip() for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_three_services() -> None:
    assert set(SERVICES) == {"postgres", "qdrant", "echosearch"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_root_no_capabilities_no_new_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("root", "0")
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert service.get("network_mode") is None


def test_ports_are_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 3
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    assert "ports" not in SERVICES["echosearch"]


def test_the_tools_container_reaches_the_stores_and_nothing_else() -> None:
    assert SERVICES["echosearch"]["networks"] == ["stores"]
    assert COMPOSE["networks"]["stores"]["internal"] is True
    for store in ("postgres", "qdrant"):
        assert "stores" in SERVICES[store]["networks"]


def test_secrets_are_demanded_and_have_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for secret in SECRETS:
        uses = re.findall(r"\$\{" + secret + r"([^}]*)\}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses), uses
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert SERVICES["qdrant"]["environment"]["QDRANT__SERVICE__API_KEY"].startswith("${QDRANT_API_KEY:?")
    assert SERVICES["echosearch"]["environment"]["ECHOSEARCH_QDRANT_API_KEY"].startswith("${QDRANT_API_KEY:?")


def test_example_environment_names_every_variable_and_holds_no_secret() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+)", compose))
    named = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert set(named) == used
    assert all(named[secret] == "" for secret in SECRETS)


def test_postgres_asks_for_a_password_everywhere_and_keeps_its_data() -> None:
    service = SERVICES["postgres"]
    major = int(re.fullmatch(r"postgres:(\d+)", service["image"])[1])  # type: ignore[index]
    assert major >= 17
    assert service["environment"]["POSTGRES_HOST_AUTH_METHOD"] == "scram-sha-256"
    assert "trust" not in str(service["environment"])
    # since 18 the volume is one level up, else the data lands in an anonymous volume
    assert service["volumes"] == ["postgres:/var/lib/postgresql"]
    assert service["environment"]["PGDATA"] == f"/var/lib/postgresql/{major}/docker"
    assert "log_error_verbosity=terse" in service["command"]


def test_qdrant_is_pinned_beside_its_client_and_sends_no_telemetry() -> None:
    service = SERVICES["qdrant"]
    major, minor = re.fullmatch(r"qdrant/qdrant:v(\d+)\.(\d+)\.\d+-unprivileged", service["image"]).groups()  # type: ignore[union-attr]
    client = importlib.metadata.version("qdrant-client").split(".")
    assert major == client[0]
    assert abs(int(minor) - int(client[1])) <= 1
    assert service["environment"]["QDRANT__TELEMETRY_DISABLED"] == "true"
    assert service["volumes"] == ["qdrant:/qdrant/storage"]


def test_both_stores_are_waited_for() -> None:
    for store in ("postgres", "qdrant"):
        assert SERVICES[store]["healthcheck"]["test"]
        assert SERVICES["echosearch"]["depends_on"][store] == {"condition": "service_healthy"}


def test_the_pacs_export_is_read_only_and_so_is_the_container() -> None:
    service = SERVICES["echosearch"]
    (pacs,) = [volume for volume in service["volumes"] if isinstance(volume, dict)]
    assert pacs["target"] == "/pacs"
    assert pacs["read_only"] is True
    assert pacs["bind"] == {"create_host_path": False}
    assert service["read_only"] is True
    assert service["tmpfs"][0].startswith("/tmp:")
    assert service["profiles"] == ["tools"]
    assert set(COMPOSE["volumes"]) == {"postgres", "qdrant", "home"}


def test_urls_of_the_tools_container_are_ones_that_echosearch_takes() -> None:
    from echosearch.db.server.engine import open_engine
    from echosearch.index.server.call import checked_url
    from echosearch.settings import Settings

    environment = SERVICES["echosearch"]["environment"]
    assert checked_url(environment["ECHOSEARCH_QDRANT_URL"]) == "http://qdrant:6333"
    engine = open_engine(environment["ECHOSEARCH_DATABASE_URL"], Path("unused"))
    assert (engine.url.host, engine.url.query["sslmode"]) == ("postgres", "disable")
    assert engine.url.password is None  # libpq reads PGPASSWORD: no secret in a URL
    assert environment["PGPASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    fields = {f"ECHOSEARCH_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in environment if name.startswith("ECHOSEARCH_")} <= fields


def test_image_fits_the_project() -> None:
    bases = {line.split(" ")[0] for line in instructions("FROM")}
    (base,) = bases
    minor = int(re.fullmatch(r"python:3\.(\d+)-slim", base)[1])  # type: ignore[index]
    assert minor >= int(PROJECT["requires-python"].removeprefix(">=3."))
    copied = {line.split()[0] for line in instructions("COPY") if not line.startswith("--from")}
    assert {*WHEEL["packages"], *WHEEL["force-include"]} <= copied
    assert set(PROJECT["scripts"]) == {"echosearch"}
    assert instructions("ENTRYPOINT") == ['["echosearch"]']


def test_image_runs_as_the_user_that_compose_names_and_holds_no_secret() -> None:
    assert instructions("USER") == [SERVICES["echosearch"]["user"]]
    assert "ECHOSEARCH_HOME=/var/lib/echosearch" in DOCKERFILE
    assert SERVICES["echosearch"]["environment"]["ECHOSEARCH_HOME"] == "/var/lib/echosearch"
    assert "home:/var/lib/echosearch" in SERVICES["echosearch"]["volumes"]
    assert not re.search(r"(PASSWORD|API_KEY|SECRET|TOKEN)", DOCKERFILE)


def test_build_context_is_an_allow_list() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {source for line in instructions("COPY") if not line.startswith("--from") for source in line.split()[:-1]}
    assert copied == allowed
    assert not any(fnmatch(name, pattern) for name in (".env", "key", ".git", "pacs") for pattern in allowed)
