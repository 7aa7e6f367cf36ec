"""What deploy/ promises, held in its files: nothing here starts a cluster."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from echosearch.cli.main import COMMANDS
from echosearch.settings import Settings

ROOT = Path(__file__).parents[1]
RAY, WORKERS = (
    yaml.safe_load((ROOT / f"deploy/{name}.yml").read_text(encoding="utf-8")) for name in ("ray-cluster", "workers")
)
PODS: dict[str, dict[str, Any]] = {
    "head": RAY["spec"]["headGroupSpec"]["template"]["spec"],
    "gpu": RAY["spec"]["workerGroupSpecs"][0]["template"]["spec"],
    "workers": WORKERS["spec"]["template"]["spec"],
}
CONTAINERS = {name: pod["containers"][0] for name, pod in PODS.items()}


def environment(name: str) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in CONTAINERS[name]["env"]}


@pytest.mark.parametrize("name", PODS)
def test_settings_are_ones_that_echosearch_takes_and_secrets_are_no_values(name: str) -> None:
    given = environment(name)
    fields = {f"ECHOSEARCH_{field.upper()}" for field in Settings.model_fields}
    assert {one for one in given if one.startswith("ECHOSEARCH_")} <= fields
    for secret in ("ECHOSEARCH_DATABASE_URL", "RAY_AUTH_TOKEN"):
        assert secret not in given or "secretKeyRef" in given[secret]
    assert "ECHOSEARCH_DATABASE_URL" in given


@pytest.mark.parametrize("name", PODS)
def test_the_export_is_read_only_and_at_one_path(name: str) -> None:
    mounts = {mount["name"]: mount for mount in CONTAINERS[name]["volumeMounts"]}
    assert (mounts["pacs"]["mountPath"], mounts["pacs"]["readOnly"]) == ("/pacs", True)
    volumes = {volume["name"]: volume for volume in PODS[name]["volumes"]}
    assert volumes["pacs"]["persistentVolumeClaim"]["readOnly"] is True
    assert set(mounts) <= set(volumes)


@pytest.mark.parametrize("name", PODS)
def test_no_container_is_root_or_may_become_it(name: str) -> None:
    pod = PODS[name]
    user = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {pod['securityContext']['runAsUser']}:" in user
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", PODS)
def test_the_key_is_copied_to_where_its_owner_alone_reads_it(name: str) -> None:
    """Kubernetes lets a group read the file of a secret, and load_keyring refuses such a file."""
    (copy,) = PODS[name]["initContainers"]
    assert copy["command"][:3] == ["install", "-m", "0600"]
    settings = Settings(home=Path(environment(name)["ECHOSEARCH_HOME"]))
    assert copy["command"][-1] == str(settings.key_path)
    assert "ECHOSEARCH_KEY_FILE" not in environment(name)


@pytest.mark.parametrize("name", ["head", "gpu"])
def test_ray_asks_for_a_token_and_reports_to_nobody(name: str) -> None:
    given = environment(name)
    assert given["RAY_AUTH_MODE"] == "token"
    assert given["RAY_USAGE_STATS_ENABLED"] == "0"
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"][
        "ray"
    ]
    floor = re.search(r">=(\d+)\.(\d+)", wanted[0])
    assert floor is not None
    assert tuple(map(int, floor.groups())) >= (2, 52)  # the first with token authentication
    assert tuple(map(int, RAY["spec"]["rayVersion"].split(".")[:2])) >= tuple(map(int, floor.groups()))


def test_no_worker_runs_on_the_head_and_each_other_node_has_a_gpu() -> None:
    assert RAY["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for name in ("gpu", "workers"):
        assert CONTAINERS[name]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_job_runs_the_worker_command() -> None:
    command, *options = CONTAINERS["workers"]["args"]
    assert command in COMMANDS
    assert options == ["--job", "7"]
    assert PODS["workers"]["restartPolicy"] == "Never"
