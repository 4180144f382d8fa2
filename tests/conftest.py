"""What every test may use: the program as a user calls it, and projects in a folder of their own.

The tests of the command line run twice: against `python -m scalable_cli`, and against the file
that SCALABLE_TEST_PROGRAM names (`build/test` sets it to `dist/scalable`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parent.parent
# What would let one machine's settings change a test's outcome.
_SCRUBBED = (
    "SCALABLE_", "AWS_", "GOOGLE_", "CLOUDSDK_", "DASK_", "GITHUB_", "SLURM_", "CONDA_", "XDG_",
    "PIP_", "PYTEST_",
)  # fmt: skip
_SCRUBBED_NAMES = {"CI", "VIRTUAL_ENV", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONPATH"}


@dataclass(frozen=True)
class Result:
    """How one call of the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds, read as one JSON value."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Program:
    """The program under test: `scalable("plan", "--json", cwd=folder)`."""

    argv: tuple[str, ...]
    cwd: Path
    home: Path

    @property
    def is_built(self) -> bool:
        """Whether this is the single file and not the source."""
        return len(self.argv) == 1

    def __call__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] = {},
        input: str | None = None,  # noqa: A002
        timeout: float = 120,
    ) -> Result:
        """Run to the end; `env` is added to a scrubbed environment, stdin is empty by default."""
        done = subprocess.run(
            [*self.argv, *map(str, args)],
            cwd=cwd or self.cwd,
            env=self.environ(env),
            input=input if input is not None else "",
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(
        self, *args: str | Path, cwd: Path | None = None, env: Mapping[str, str] = {}
    ) -> subprocess.Popen[str]:
        """Start and return at once, in a process group of its own, with stdout and stderr piped."""
        return subprocess.Popen(
            [*self.argv, *map(str, args)],
            cwd=cwd or self.cwd,
            env=self.environ(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def environ(self, extra: Mapping[str, str] = {}) -> dict[str, str]:
        """This process's environment without what would change an outcome, plus `extra`."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_SCRUBBED) and name not in _SCRUBBED_NAMES
        }
        kept |= {"HOME": str(self.home), "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        if not self.is_built:
            kept["PYTHONPATH"] = str(ROOT)
        return kept | dict(extra)


@pytest.fixture
def scalable(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program under test; without `cwd=` it runs in `tmp_path`."""
    built = os.environ.get("SCALABLE_TEST_PROGRAM")
    argv = (str(Path(built).resolve()),) if built else (sys.executable, "-m", "scalable_cli")
    return Program(argv, tmp_path, tmp_path_factory.mktemp("home"))


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Write files into `tmp_path`: `project({"scalable.yaml": text, "data/a.csv": text})`."""

    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture(scope="session")
def built_file() -> Path:
    """The single file, for the tests that are about it alone."""
    path = Path(os.environ.get("SCALABLE_TEST_PROGRAM", ROOT / "dist" / "scalable")).resolve()
    if not path.is_file():
        pytest.skip(f"{path} is not there: run build/binary")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a docker daemon where there is none."""
    if any("docker" in item.keywords for item in items) and not _docker_answers():
        for item in items:
            if "docker" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no docker daemon answers"))


def _docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    asked = subprocess.run(["docker", "info"], capture_output=True, timeout=30)
    return asked.returncode == 0
