"""Workers that are processes, and those that come and go, as a user starts them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Program

MANIFEST = """\
version: 1
project:
  name: adapt
  default_storage: ./runs
targets:
  local:
    provider: local
    max_workers: 2
    {extra}
components:
  small:
    cpus: 1
    memory: 100M
tasks:
  t:
    component: small
    matrix:
      n: 1..6
    command: sleep 0.5; echo {{{{ matrix.n }}}} $PPID > {{{{ outputs.o }}}}
    outputs:
      o: out/{{{{ matrix.n }}}}
"""


def outputs(folder: Path) -> list[list[str]]:
    return [path.read_text().split() for path in sorted(folder.glob("runs/run-*/artifacts/out/*"))]


def test_an_adaptive_target_starts_workers_and_leaves_none(
    scalable: Program, project: Callable[..., Path]
) -> None:
    extra = "adaptive:\n      minimum: 1\n      maximum: 2"
    folder = project({"scalable.yaml": MANIFEST.format(extra=extra)})

    result = scalable("run")

    assert (result.code, result.out.splitlines()[0].split()[2]) == (0, "done")
    assert "6 done" in result.out
    workers = {pid for _, pid in outputs(folder)}
    assert 1 <= len(workers) <= 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert not list(folder.glob("runs/run-*/tls"))


def test_worker_processes_do_the_same(scalable: Program, project: Callable[..., Path]) -> None:
    folder = project({"scalable.yaml": MANIFEST.format(extra="processes: true")})

    result = scalable("run")

    assert (result.code, "6 done" in result.out) == (0, True)
    assert len({pid for _, pid in outputs(folder)}) <= 2


def test_a_worker_without_a_head_says_so(scalable: Program, project: Callable[..., Path]) -> None:
    project({"scalable.yaml": MANIFEST.format(extra="processes: false")})
    assert scalable("run").code == 0

    started = time.monotonic()
    result = scalable("worker", "latest")

    assert (result.code, result.out) == (7, "")
    assert "has no head to work for" in result.err
    assert time.monotonic() - started < 10
