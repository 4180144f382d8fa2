"""Runs in the background: started, followed, stopped, lost and resumed, each by its own process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli_tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Program

HEAD = """\
version: 1
project:
  name: night
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


def sweep(steps: int, seconds: float, then: str = "true") -> str:
    """A manifest whose steps each take so long."""
    return f"""{HEAD}\
  sweep:
    component: small
    matrix:
      n: 1..{steps}
    command: echo begin {{{{ matrix.n }}}}; sleep {seconds}; echo {{{{ matrix.n }}}} > {{{{ outputs.o }}}}; {then}
    outputs:
      o: out/{{{{ matrix.n }}}}.txt
"""  # noqa: E501 - a manifest's command


@pytest.fixture
def night(project: Callable[..., Path]) -> Iterator[Callable[..., Path]]:
    """Make the project of such a manifest; no head outlives the test."""
    folders = []

    def make(steps: int = 6, seconds: float = 0.5, then: str = "true") -> Path:
        folders.append(project({"scalable.yaml": sweep(steps, seconds, then)}))
        return folders[-1]

    yield make
    for lease in (lease for folder in folders for lease in folder.glob("*/run-*/lease.json")):
        with contextlib.suppress(OSError):
            os.kill(json.loads(lease.read_text())["pid"], signal.SIGKILL)


def run_folder(folder: Path) -> Path:
    """The folder of the only run."""
    (run,) = (folder / "scalable-runs").glob("run-*")
    return run


def head_of(folder: Path) -> dict[str, Any]:
    """What the lease of the only run says."""
    lease: dict[str, Any] = json.loads((run_folder(folder) / "lease.json").read_text())
    return lease


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The events of a kind in the journal of the only run."""
    files = sorted((run_folder(folder) / "journal").glob("*.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError("it did not become so")


def outputs(folder: Path) -> dict[str, str]:
    """The artifacts of the only run."""
    out = run_folder(folder) / "artifacts" / "out"
    return {path.name: path.read_text() for path in out.iterdir()}


def expected(steps: int) -> dict[str, str]:
    """What a sweep leaves."""
    return {f"{n}.txt": f"{n}\n" for n in range(1, steps + 1)}


def test_a_detached_run_is_announced_and_goes_on_to_its_end(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night()

    started = scalable("run", "--detach")
    going = scalable("status", "--json")
    waited = scalable("wait", "-q")

    run = run_folder(folder).name
    assert started.code == 0
    head, first, second, third = started.out.splitlines()
    assert head.startswith(f"Run {run} started in the background (process ")
    assert first == f"  Next  scalable status {run} --watch"
    assert second == f"        scalable logs {run} --follow"
    assert third == f"        scalable stop {run}"
    assert going.json["state"] == "running"
    assert waited.code == 0
    assert f"Run {run} done in " in waited.out
    assert outputs(folder) == expected(6)
    assert "sweep: 6 done" in (run_folder(folder) / "logs" / "head.log").read_text()


def test_what_is_printed_can_be_read_by_programs(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=1, seconds=2)

    started = scalable("run", "-d", "-q", "--json")

    assert (started.code, started.err) == (0, "")
    assert started.json["schema"] == "scalable.started/1"
    assert started.json["run"] == run_folder(folder).name
    assert started.json["pid"] == head_of(folder)["pid"]
    assert len(started.json["next"]) == 3
    assert scalable("stop", "--now").code == 0
    assert scalable("run", "-d", "-q").out.startswith("run-")
    assert scalable("stop", "--now", "-q").code == 0


def test_the_head_has_a_session_of_its_own_and_no_terminal(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=2, seconds=5)
    assert scalable("run", "-d").code == 0
    pid = head_of(folder)["pid"]

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()

    assert os.getsid(pid) != os.getsid(0)
    assert fields[4] == "0"  # no controlling terminal
    assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
    assert scalable("stop", "--now").code == 0


def test_a_client_that_is_killed_right_after_leaves_the_run_alone(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night()
    client = scalable.start("run", "--detach")
    until(lambda: list(folder.glob("scalable-runs/run-*/lease.json")))

    os.killpg(client.pid, signal.SIGKILL)
    client.communicate()
    until(lambda: events(folder, "run.started"))

    assert scalable("wait").code == 0
    assert outputs(folder) == expected(6)


def test_the_end_of_the_terminal_is_not_the_end_of_the_run(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=4)
    # `script` gives the client a terminal, which ends with it: SIGHUP goes to who is left there.
    command = " ".join([*scalable.argv, "run", "--detach"])
    subprocess.run(
        ["script", "-qec", command, os.devnull],
        cwd=folder,
        env=scalable.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )

    assert scalable("wait").code == 0
    assert outputs(folder) == expected(4)


def test_a_head_that_ends_at_once_is_heard(night: Callable[..., Path], scalable: Program) -> None:
    folder = night(steps=1, seconds=0)
    assert scalable("run", "-d").code == 0
    assert scalable("wait").code == 0
    again = scalable("resume", "--detach")
    (run_folder(folder) / "plan.json").write_text('{"torn')
    damaged = scalable("resume", "--detach")

    assert (again.code, again.out) == (5, "")
    assert f"{run_folder(folder).name} is done\n  help: scalable report" in again.err
    assert (damaged.code, damaged.out) == (8, "")
    assert "is damaged" in damaged.err
    assert "Traceback" not in damaged.err


def test_stop_lets_running_steps_finish_and_resume_goes_on(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=8, seconds=2)
    scalable("run", "-d")
    until(lambda: len(events(folder, "step.started")) >= 2)

    stopped = scalable("stop")
    waited = scalable("wait")
    again = scalable("stop")
    done = len(events(folder, "step.done"))
    resumed = scalable("resume", "--detach")
    ended = scalable("wait")

    assert stopped.code == 0
    assert " ends a" in stopped.err  # after 2 running steps, or as soon as it can between two
    assert " --now\n" in stopped.err
    assert "Reason   stopped on request" in stopped.out
    assert "Next     scalable resume run-" in stopped.out
    assert (waited.code, again.code) == (6, 0)
    assert 2 <= done < 8
    assert {event["attempt"] for event in events(folder, "step.done")} == {1}
    assert (resumed.code, ended.code) == (0, 0)
    assert outputs(folder) == expected(8)
    assert len(events(folder, "step.done")) == 8


def test_stop_now_interrupts_and_the_steps_run_again(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=2, seconds=30)
    scalable("run", "-d")
    until(lambda: len(events(folder, "step.started")) == 2)
    began = time.monotonic()

    late = scalable("stop", "--timeout", "1s")
    now = scalable("stop", "--now")

    assert late.code == 10
    assert now.code == 0
    assert time.monotonic() - began < 15
    assert scalable("status", "-q").out == "stopped\n"
    assert not (run_folder(folder) / "lease.json").exists()


def test_stop_can_be_left_as_a_request(night: Callable[..., Path], scalable: Program) -> None:
    night(steps=10, seconds=2)
    scalable("run", "-d")

    asked = scalable("stop", "--no-wait")

    assert (asked.code, asked.out) == (0, "")
    assert scalable("wait").code == 6


def test_a_lost_head_is_noticed_and_another_goes_on(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=6, seconds=1)
    scalable("run", "-d")
    until(lambda: events(folder, "step.done"))
    head = head_of(folder)["pid"]
    waiting = scalable.start("wait")
    os.kill(head, signal.SIGKILL)

    _, err = waiting.communicate(timeout=30)
    status = scalable("status", "-q")
    stop = scalable("stop")
    before = [event["step"] for event in events(folder, "step.done")]
    resumed = scalable("resume", "-d")
    ended = scalable("wait")

    assert waiting.returncode == 7
    assert " was lost: its head (on " in err
    assert "\n  help: scalable resume run-" in err
    assert (status.out, stop.code, resumed.code, ended.code) == ("lost\n", 7, 0, 0)
    assert outputs(folder) == expected(6)
    after = [event["step"] for event in events(folder, "step.done")]
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == 6
    assert head_of_last(folder) == 2


def head_of_last(folder: Path) -> int:
    """How many heads the only run has had."""
    return len(list((run_folder(folder) / "lease").iterdir()))


def test_wait_says_that_a_step_failed_or_that_time_is_up(
    night: Callable[..., Path], scalable: Program
) -> None:
    night(steps=1, seconds=3, then="exit 4")
    scalable("run", "-d")

    early = scalable("wait", "--timeout", "0.5s", "-q")
    ended = scalable("wait")

    assert early.code == 10
    assert " running for " in early.out
    assert ended.code == 1
    assert "failed: sweep[n=1]: exit code 4\n" in ended.err


def test_of_two_resumes_at_once_exactly_one_goes_on(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night()
    (folder / "scalable.yaml").write_text(sweep(4, 1, f"test -e {folder}/allowed"))
    assert scalable("run").code == 1

    for _ in range(3):
        racers = [scalable.start("resume", "-q") for _ in range(3)]
        codes = sorted(racer.wait(60) for racer in racers)
        texts = [racer.communicate()[1] for racer in racers]

        assert codes == [1, 5, 5]
        assert sum(" is still going on (process " in text for text in texts) == 2

    started = events(folder, "run.started")
    assert [event["generation"] for event in started] == [1, 2, 3, 4]
    (folder / "allowed").touch()
    assert scalable("resume").code == 0
    assert outputs(folder) == expected(4)


def test_a_head_whose_run_was_taken_over_ends_and_writes_no_more(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=20, seconds=0.5)
    scalable("run", "-d")
    until(lambda: events(folder, "step.done"))
    head = head_of(folder)
    run = run_folder(folder)
    other = {**head, "host": "node7", "machine": "other", "generation": 2}

    (run / "lease" / "000002").write_text(json.dumps(other))
    journal = sorted((run / "journal").iterdir())[-1]
    taken = journal.read_bytes()
    until(lambda: not Path(f"/proc/{head['pid']}").exists(), 40)

    # One event may have been on its way.
    assert journal.read_bytes()[len(taken) :].count(b"\n") <= 1
    assert events(folder, "run.ended") == []
    assert "another process has taken run-" in (run / "logs" / "head.log").read_text()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--max-duration", "1s"), "time limit reached"),
        (("-k", "--max-failures", "2"), r"\d steps failed"),
    ],
)
def test_a_limit_ends_a_run_with_a_code_of_its_own(
    night: Callable[..., Path], scalable: Program, options: tuple[str, ...], reason: str
) -> None:
    night(steps=12, seconds=0.5, then="exit 1" if "-k" in options else "true")

    here = scalable("run", *options)
    scalable("run", "-d", "--force", *options)
    detached = scalable("wait")

    assert (here.code, detached.code) == (6, 6)
    assert re.search(f"Reason  +{reason}", here.out)
    assert re.search(f"Reason  +{reason}", detached.out)


def test_limits_are_checked_before_anything_is_started(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night()

    duration = scalable("run", "--max-duration", "soon")
    failures = scalable("run", "--max-failures", "0")

    assert (duration.code, failures.code) == (2, 2)
    assert '--max-duration must be a duration like 90s or 2h, not "soon"' in duration.err
    assert not (folder / "scalable-runs").exists()


def test_status_and_logs_follow_a_run_of_another_process(
    night: Callable[..., Path], scalable: Program
) -> None:
    folder = night(steps=6, seconds=0.7)
    scalable("run", "-d")
    watch = scalable.start("status", "--watch")
    stream = scalable.start("status", "--watch", "--json")
    logs = scalable.start("logs", "--follow")

    seen, told = watch.communicate(timeout=60)
    objects = [json.loads(line) for line in stream.communicate(timeout=60)[0].splitlines()]
    lines = logs.communicate(timeout=60)[0].splitlines()

    assert (watch.returncode, stream.returncode, logs.returncode) == (0, 0, 0)
    assert f"Run {run_folder(folder).name} done in " in seen
    assert "sweep: 6 done" in told
    assert "\x1b" not in told
    assert {state["state"] for state in objects} == {"running", "done"}
    assert [state["steps"]["done"] for state in objects] == sorted(
        state["steps"]["done"] for state in objects
    )
    begun = [line for line in lines if line.startswith("begin")]
    assert sorted(begun) == [f"begin {n}" for n in range(1, 7)]
    assert not any("head" in line for line in lines)
    assert "sweep: 6 done" in scalable("logs", "--head").out


def test_a_workflow_is_stopped_on_request(project: Callable[..., Path], scalable: Program) -> None:
    if scalable.is_built:
        pytest.skip("the workflow's Python must have this package")
    folder = project(
        {
            "scalable.yaml": f"{HEAD}  think:\n    component: small\n",
            "workflow.py": "import time\nprint('going', flush=True)\ntime.sleep(60)\n",
        }
    )
    python = ("--python", sys.executable)
    assert scalable("run", "workflow.py", "-d", *python, env={"PYTHONPATH": str(ROOT)}).code == 0
    until(lambda: "going" in (run_folder(folder) / "logs" / "head.log").read_text())

    stopped = scalable("stop", "--timeout", "20s")

    assert stopped.code == 0
    assert "Reason  stopped on request" in stopped.out
    assert scalable("wait").code == 6
