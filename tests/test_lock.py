"""constraints.txt: one version for each package that pyproject.toml asks for, on every platform that is promised."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WANTED = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", ["3.11.7", "3.12.1"])
def test_every_requirement_has_one_version_that_fits_it(python: str, machine: str) -> None:
    environment = {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    versions: dict[str, str] = {}
    for pin in PINS:
        if applies(pin, environment):
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            assert versions.setdefault(pin.name, specifier.version) == specifier.version, pin
    asked = [wanted for wanted in WANTED if applies(wanted, environment)]
    assert ("decord" in {wanted.name for wanted in asked}) is (machine == "x86_64")
    for wanted in asked:
        assert wanted.specifier.contains(versions[wanted.name.lower()]), wanted


def test_no_version_comes_from_a_place() -> None:
    assert not [pin for pin in PINS if pin.url]


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile", ".ci/wheel"])
def test_whatever_installs_installs_from_it(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    installs = [line for line in lines if "pip install" in line and "--upgrade pip" not in line]
    installs = [line for line in installs if "--no-deps" not in line]  # the wheel alone, beside what is installed
    assert len(installs) == 1
    assert "--constraint constraints.txt" in installs[0]
