"""Fixtures of the command line's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_tools import STUDY, Application, Golden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def study(project: Callable[..., Path]) -> Path:
    """A folder with a manifest of two tasks, a local and an AWS target, and no workflow."""
    return project({"scalable.yaml": STUDY})


@pytest.fixture
def app(tmp_path: Path) -> Application:
    """The program inside this process; without `cwd=` it runs in `tmp_path`."""
    return Application(tmp_path)


@pytest.fixture
def golden(tmp_path: Path) -> Golden:
    """Compares screens with the recorded ones."""
    return Golden(tmp_path)
