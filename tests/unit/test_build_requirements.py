"""The pinned versions of the single file agree with what the package asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYINSTALLER = [
    text for text in PROJECT["optional-dependencies"]["dev"] if text.startswith("pyinstaller")
]


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    lines = (ROOT / "build" / "requirements.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("text", PROJECT["dependencies"] + PYINSTALLER)
def test_a_dependency_is_pinned_within_its_range(text: str, pinned: dict[str, str]) -> None:
    wanted = Requirement(text)

    version = pinned.get(canonicalize_name(wanted.name))

    assert version is not None
    assert wanted.specifier.contains(version)


def test_botocore_is_the_one_that_boto3_and_aiobotocore_share(pinned: dict[str, str]) -> None:
    assert pinned["boto3"] == pinned["botocore"]
    assert "aiobotocore" in pinned
