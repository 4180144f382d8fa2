"""What the tests of the command line share: a manifest, golden files, the program in-process."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalable_cli.app import run
from scalable_cli.host import Host

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent.parent

STUDY = """\
version: 1
project:
  name: study
targets:
  local:
    provider: local
    max_workers: 2
  aws:
    provider: aws
    region: us-east-1
    cluster_type: fargate
    worker_cpu: 4096
    worker_mem: 16384
    image: ghcr.io/lab/analysis:1.2
    adaptive:
      minimum: 1
      maximum: 10
components:
  small:
    image: ghcr.io/lab/analysis:1.2
    cpus: 1
    memory: 256M
tasks:
  prepare:
    component: small
    command: echo grid > {{ outputs.grid }}
    outputs:
      grid: grid.txt
  simulate:
    component: small
    needs:
      - prepare
    matrix:
      scenario: 1..4
    command: echo simulating {{ matrix.scenario }}; cat {{ inputs.grid }} > {{ outputs.table }}
    inputs:
      grid: prepare.grid
    outputs:
      table: results/{{ matrix.scenario }}.txt
    estimate:
      duration: 12m
      output: 120MB
"""

_VARYING = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"run-\d{8}T\d{6}-(\w+)-[0-9a-f]{6}"), r"run-<time>-\1-<random>"),
    (re.compile(r"\b\d+\.\d s\b"), "<seconds>"),
    (re.compile(r"scalable \d+\.\d+\.\d+\S*?(?=[:\s]|$)"), "scalable <version>"),
)


@dataclass(frozen=True)
class Result:
    """How one call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds, read as one JSON value."""
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Application:
    """`app.run` in this process: for what would take long as a hundred processes."""

    cwd: Path

    def __call__(
        self,
        *argv: str,
        cwd: Path | None = None,
        env: Mapping[str, str] = {},
        terminal: bool = False,
    ) -> Result:
        stream = Terminal if terminal else io.StringIO
        out, err = stream(), stream()
        environ = {"PATH": os.environ["PATH"], "NO_COLOR": "1", **env}
        code = run(argv, Host(environ, cwd or self.cwd, stream(), out, err))
        return Result(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Golden:
    """Compares a screen with `tests/golden/<name>`; SCALABLE_UPDATE_GOLDEN=1 rewrites the file.

    Digests, names of runs, measured seconds and the test's folder are replaced first.
    """

    folder: Path

    def __call__(self, name: str, text: str) -> None:
        shown = text.replace(str(self.folder), "<folder>")
        for pattern, word in _VARYING:
            shown = pattern.sub(word, shown)
        path = ROOT / "tests" / "golden" / name
        if os.environ.get("SCALABLE_UPDATE_GOLDEN"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(shown, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run once with SCALABLE_UPDATE_GOLDEN=1"
        assert shown == path.read_text(encoding="utf-8")


def call(folder: Path, *words: str) -> Result:
    """The program in `folder`, for runs that several tests look at."""
    built = os.environ.get("SCALABLE_TEST_PROGRAM")
    argv = [str(Path(built).resolve())] if built else [sys.executable, "-m", "scalable_cli"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1"}
    environ |= {} if built else {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*argv, *words], cwd=folder, env=environ, input="", capture_output=True, text=True
    )
    return Result(done.returncode, done.stdout, done.stderr)
