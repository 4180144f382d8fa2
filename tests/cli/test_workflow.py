"""Workflow files: within `scalable run`, and as programs of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Program, Result

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = """\
version: 1
project:
  name: sweep
  default_storage: ./runs
targets:
  local:
    provider: local
    max_workers: 2
components:
  small:
    cpus: 1
    memory: 64M
tasks:
  simulate:
    component: small
"""
PREPARE = """\
  prepare:
    component: small
    command: echo 5 > {{ outputs.start }}
    outputs:
      start: start.txt
"""
WORKFLOW = """\
import os
import sys
from pathlib import Path

from scalable import ScalableSession, cacheable


@cacheable
def simulate(x):
    return x * x


def check(x):
    if x == 2 and not Path("allowed").exists():
        raise ValueError(f"{x} is not allowed")
    return x


session = ScalableSession.from_yaml("./scalable.yaml")
prepared = Path(session.run_uri or ".", "artifacts/start.txt")
start = int(prepared.read_text()) if prepared.exists() else 5
print("cells", session.plan().cost_estimate.total)
print("to stderr", file=sys.stderr)
with session.start() as client:
    squares = client.gather(client.map(simulate, range(start), task="simulate"))
    session.store_artifact("results/squares.json", squares)
    client.gather(client.map(check, [1, 2], task="simulate"))
print("end", sum(squares))
"""


@pytest.fixture
def sweep(project: Callable[..., Path]) -> Path:
    return project({"scalable.yaml": MANIFEST, "workflow.py": WORKFLOW})


def run(scalable: Program, *args: str) -> Result:
    """One run under this Python, where the checkout is importable."""
    words = ("run", *args, "--python", sys.executable)
    return scalable(*words, env={"PYTHONPATH": str(ROOT)})


def test_commands_run_first_and_the_workflow_is_part_of_the_run(
    scalable: Program, sweep: Path
) -> None:
    text = MANIFEST.replace("tasks:\n", f"tasks:\n{PREPARE}")
    (sweep / "scalable.yaml").write_text(text)
    (sweep / "allowed").touch()

    first = run(scalable)
    second = run(scalable, "--json")
    report = scalable("report", "--json")

    assert first.code == 0, first.err
    assert "cells 0\nend 30\n" in first.out
    assert "to stderr" in first.err
    assert second.code == 0, second.err
    assert "end 30" in second.err
    assert second.json["steps"]["cached"] == 6
    assert second.json["steps"]["done"] == 2
    assert [(task["task"], task["steps"]) for task in report.json["tasks"]] == [
        ("prepare", 1),
        ("simulate", 7),
    ]
    stored = second.json["artifacts"][0]
    assert stored["path"] == "results/squares.json"
    assert json.loads(Path(stored["uri"]).read_text()) == [0, 1, 4, 9, 16]
    log = Path(second.json["uri"], "logs/workflow/main/1.log").read_text()
    assert log.split("\n")[-2] == "end 30"


def test_a_failing_call_is_last_on_the_screen_and_resume_goes_on(
    scalable: Program, sweep: Path
) -> None:
    failed = run(scalable)
    (sweep / "allowed").touch()
    resumed = scalable("resume", env={"PYTHONPATH": str(ROOT)})

    assert failed.code == 1
    assert failed.err.endswith("ValueError: 2 is not allowed\n")
    assert "failed: simulate[6]: ValueError: 2 is not allowed" in failed.err
    assert "scalable_cli/" not in failed.err
    assert "site-packages" not in failed.err
    assert resumed.code == 0, resumed.err
    assert "2 done, 5 cached, 0 failed" in resumed.out


def test_a_workflow_that_fails_by_itself_is_the_failed_step(scalable: Program, sweep: Path) -> None:
    (sweep / "other.py").write_text("def f():\n    return {}['nothing']\nf()\n")

    result = run(scalable, "other.py")

    assert result.code == 1
    assert "failed: workflow[main]: other.py: exit code 1" in result.err
    assert result.err.endswith("KeyError: 'nothing'\n")
    trace = result.err[result.err.index("Traceback") :].splitlines()
    assert trace[1] == f'  File "{sweep}/other.py", line 3, in <module>'


def test_processes_need_no_guard_in_the_file(scalable: Program, sweep: Path) -> None:
    text = MANIFEST.replace("max_workers: 2", "max_workers: 2\n    processes: true")
    (sweep / "scalable.yaml").write_text(text)
    (sweep / "allowed").touch()

    result = run(scalable)

    assert result.code == 0, result.err
    assert result.out.count("cells") == 1


def test_ctrl_c_ends_the_workflow_too(scalable: Program, sweep: Path) -> None:
    (sweep / "workflow.py").write_text(
        "import os, time\n"
        "from pathlib import Path\n"
        "from scalable import ScalableSession\n"
        "with ScalableSession.from_yaml().start() as client:\n"
        "    f = client.submit(time.sleep, 1, task='simulate')\n"
        "    Path('pid').write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
    )
    process = scalable.start("run", "--python", sys.executable, env={"PYTHONPATH": str(ROOT)})
    until = time.monotonic() + 30
    while not ((sweep / "pid").exists() and (sweep / "pid").read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.kill(int((sweep / "pid").read_text()), 0)
    assert scalable("status", "--json").json["state"] == "stopped"


def test_a_python_without_scalable_is_said_before_anything_is_written(
    scalable: Program, sweep: Path
) -> None:
    python = sweep / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)

    result = scalable("run", "--python", python)

    assert result.code == 4
    assert f"help: {python} -m pip install scalable-cli" in result.err
    assert not (sweep / "runs").exists()


def test_a_task_without_command_needs_a_workflow(scalable: Program, sweep: Path) -> None:
    (sweep / "workflow.py").unlink()

    result = run(scalable)

    assert result.code == 5
    assert 'task "simulate" has no command' in result.err


def test_a_workflow_is_a_program_of_its_own_too(
    scalable: Program, sweep: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (sweep / "allowed").touch()
    names = tmp_path_factory.mktemp("names")
    (names / "scalable").symlink_to(ROOT / "scalable_cli" / "facade")
    environ = scalable.environ({"PYTHONPATH": f"{ROOT}:{names}"})

    done = subprocess.run(
        [sys.executable, "workflow.py"], cwd=sweep, env=environ, capture_output=True, text=True
    )
    status = scalable("status", "--json").json

    assert done.returncode == 0, done.stderr
    assert done.stdout == "cells 0\nend 30\n"
    assert (status["state"], status["steps"]["done"]) == ("done", 7)
    assert [task["task"] for task in status["tasks"]] == ["simulate"]


def test_a_program_that_ends_without_closing_ends_its_run(
    scalable: Program, sweep: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    names = tmp_path_factory.mktemp("names")
    (names / "scalable").symlink_to(ROOT / "scalable_cli" / "facade")
    (sweep / "open.py").write_text(
        "from scalable import ScalableSession\n"
        "client = ScalableSession.from_yaml().start()\n"
        "client.gather(client.map(abs, [1, 2], task='simulate'))\n"
        "raise LookupError('on purpose')\n"
    )
    environ = scalable.environ({"PYTHONPATH": f"{ROOT}:{names}"})

    done = subprocess.run(
        [sys.executable, "open.py"], cwd=sweep, env=environ, capture_output=True, text=True
    )
    status = scalable("status", "--json").json

    assert done.returncode == 1
    assert done.stderr.endswith("LookupError: on purpose\n")
    assert (status["state"], status["reason"]) == ("failed", "LookupError: on purpose")
    assert status["steps"]["done"] == 2
