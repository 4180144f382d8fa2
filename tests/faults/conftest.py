"""Fixtures of the fault matrix."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("fault_study")

from fault_study import FaultStudy  # noqa: E402


@pytest.fixture
def study(tmp_path: Path) -> Iterator[FaultStudy]:
    """A study whose heads are threads of one process; nothing of it outlives the test."""
    made = FaultStudy(tmp_path)
    yield made
    for line in made.processes_left():
        subprocess.run(["kill", "-9", line.split()[0]], capture_output=True)
