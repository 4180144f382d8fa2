"""`scalable run` and everything that looks at a run, on this machine."""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest
from cli_tools import STUDY, call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli_tools import Application, Golden, Result
    from conftest import Program

HEAD = """\
version: 1
project:
  name: trial
targets:
  local:
    provider: local
    max_workers: 2
components:
  small:
    cpus: 1
    memory: 128M
tasks:
"""
FAILING = (
    HEAD
    + """\
  works:
    component: small
    command: echo fine > {{ outputs.note }}
    outputs:
      note: note.txt
  breaks:
    component: small
    command: seq 1 40; test -f allowed
"""
)
SLOW = HEAD + "  waits:\n    component: small\n    command: sleep 60\n"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The folder of a study that was run once, and how that went."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "scalable.yaml").write_text(STUDY)
    return folder, call(folder, "run")


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The folder of a trial with a step that failed, and how that went."""
    folder = tmp_path_factory.mktemp("trial")
    (folder / "scalable.yaml").write_text(FAILING)
    return folder, call(folder, "run", "-q", "-k")


def test_a_run_is_summed_up(done: tuple[Path, Result], golden: Golden) -> None:
    folder, result = done

    assert result.code == 0
    golden("run_done.txt", result.out.replace(str(folder), "<folder>"))
    assert "simulate: 4 done\n" in result.err
    assert "\x1b" not in result.err


def test_the_next_run_is_all_cached(done: tuple[Path, Result], scalable: Program) -> None:
    folder, _ = done

    result = scalable("run", "--json", "-q", cwd=folder)

    assert (result.code, result.err) == (0, "")
    assert (result.json["schema"], result.json["state"]) == ("scalable.run/1", "done")
    assert (result.json["steps"]["cached"], result.json["steps"]["done"]) == (5, 0)
    assert (folder / result.json["results"] / "results/4.txt").read_text() == "grid\n"


def test_a_plan_after_the_run_has_nothing_to_do(
    done: tuple[Path, Result], app: Application
) -> None:
    result = app("plan", "--exit-code", cwd=done[0])

    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("Nothing to run: every step is cached.\n")


def test_a_change_is_explained(done: tuple[Path, Result], app: Application, study: Path) -> None:
    shutil.copytree(done[0], study, dirs_exist_ok=True)
    (study / "scalable.yaml").write_text(STUDY.replace("1..4", "2..5"))

    plan = app("plan", cwd=study)
    explained = app("cache", "explain", "simulate", cwd=study)
    as_json = app("cache", "explain", "simulate[scenario=2]", "--json", cwd=study)

    assert "parameter scenario 1 -> 5" in plan.out
    assert (explained.code, explained.err) == (0, "")
    assert explained.out.startswith("simulate: 4 steps, 3 cached, 1 to run\n  run     ")
    assert as_json.json["steps"][0]["cached"] is True


def test_unknown_steps_are_not_explained(app: Application, study: Path) -> None:
    task = app("cache", "explain", "simulat", cwd=study)
    step = app("cache", "explain", "simulate[scenario=9]", cwd=study)

    assert (task.code, task.out) == (2, "")
    assert 'there is no task "simulat"\n  help: did you mean "simulate"?' in task.err
    assert (step.code, step.out) == (2, "")
    assert 'there is no step "simulate[scenario=9]"' in step.err


def test_a_failure_comes_last_with_its_log(failed: tuple[Path, Result], golden: Golden) -> None:
    folder, result = failed

    assert result.code == 1
    golden("run_failed.txt", (result.out + result.err).replace(str(folder), "<folder>"))
    assert "  | 40\n" in result.err
    assert "  | 20\n" not in result.err


def test_status_counts_the_steps_of_each_task(
    failed: tuple[Path, Result], app: Application, golden: Golden
) -> None:
    folder, _ = failed

    status = app("status", cwd=folder)
    quiet = app("status", "-q", cwd=folder)
    as_json = app("status", "--json", cwd=folder)

    assert (status.code, status.err) == (0, "")
    golden("status_failed.txt", status.out.replace(str(folder), "<folder>"))
    assert (quiet.code, quiet.out, quiet.err) == (0, "failed\n", "")
    assert as_json.json["steps"]["failed"] == 1


def test_logs_can_be_narrowed(failed: tuple[Path, Result], app: Application) -> None:
    folder, _ = failed

    last = app("logs", "--failed", "--tail", "2", cwd=folder)
    by_step = app("logs", "--task", "breaks", "--json", cwd=folder)
    unknown = app("logs", "--task", "break", cwd=folder)

    assert (last.code, last.err) == (0, "")
    assert last.out.startswith("==> breaks/breaks, attempt 1 <==\n40\n")
    assert by_step.json["logs"][0]["text"].startswith("1\n2\n")
    assert (unknown.code, unknown.out) == (2, "")
    assert 'the run has no task "break"\n  help: did you mean "breaks"?' in unknown.err


def test_the_report_has_what_steps_took_and_what_failed(
    failed: tuple[Path, Result], app: Application
) -> None:
    folder, _ = failed

    text = app("report", cwd=folder)
    as_json = app("report", "--json", cwd=folder)

    assert (text.code, text.err) == (0, "")
    assert "failed: breaks: exit code 1\n" in text.out
    assert "PEAK MEMORY" in text.out
    assert as_json.json["schema"] == "scalable.report/1"
    assert as_json.json["failures"][0]["exit_code"] == 1


def test_resuming_fails_again_until_the_cause_is_gone(
    failed: tuple[Path, Result], scalable: Program, study: Path
) -> None:
    shutil.copytree(failed[0], study, dirs_exist_ok=True)

    again = scalable("resume", "-q", cwd=study)

    assert again.code == 1
    assert "  1 done" not in again.err
    assert "failed: breaks: exit code 1 (attempt 2)\n" in again.err


def test_a_run_that_is_done_is_not_resumed(done: tuple[Path, Result], app: Application) -> None:
    result = app("resume", cwd=done[0])

    assert (result.code, result.out) == (5, "")
    assert " is done\n  help: scalable report run-" in result.err


def test_a_run_is_found_by_its_folder(
    failed: tuple[Path, Result], app: Application, tmp_path: Path
) -> None:
    (folder,) = (failed[0] / "scalable-runs").glob("run-*")

    result = app("status", str(folder), "--json", cwd=tmp_path)

    assert (result.code, result.err) == (0, "")
    assert result.json["state"] == "failed"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_and_says_how_to_go_on(
    number: signal.Signals, code: int, scalable: Program, project: Callable[..., Path]
) -> None:
    folder = project({"scalable.yaml": SLOW})
    started = scalable.start("run", cwd=folder)
    _wait_for_step(folder)

    started.send_signal(number)
    _, err = started.communicate(timeout=60)

    assert started.returncode == code
    assert "stopped; go on with: scalable resume run-" in err
    assert "Traceback" not in err


def test_a_target_that_cannot_be_started_is_refused_in_one_line(
    scalable: Program, study: Path
) -> None:
    result = scalable("run", "--target", "aws", cwd=study)

    assert (result.code, result.out) == (5, "")
    assert "does not start runs on them" in result.err
    assert not (study / "scalable-runs").exists()


def test_a_dry_run_is_a_plan(app: Application, study: Path) -> None:
    result = app("run", "--dry-run", "--target", "aws", "--json", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert result.json["schema"] == "scalable.plan/1"
    assert not (study / "scalable-runs").exists()


def test_a_workflow_that_is_not_there_is_refused(app: Application, study: Path) -> None:
    result = app("run", "workflow.py", cwd=study)

    assert (result.code, result.out) == (5, "")
    assert 'there is no workflow "workflow.py"' in result.err


@pytest.mark.parametrize("command", ["status", "logs", "report", "resume"])
def test_without_a_run_the_command_says_so(command: str, app: Application, study: Path) -> None:
    result = app(command, cwd=study)

    assert (result.code, result.out) == (5, "")
    assert result.err.startswith("scalable: error: there is no run in ")


def _wait_for_step(folder: Path) -> None:
    """Until the journal says that a step runs."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for journal in folder.glob("scalable-runs/run-*/journal/*.jsonl"):
            lines = journal.read_text().splitlines()
            if any(json.loads(line)["event"] == "step.started" for line in lines):
                return
        time.sleep(0.05)
    raise AssertionError("no step was started")
