"""What steps, users and machines do wrong, and what a run makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine_project import EngineProject, artifacts, counts, log

from scalable_cli.engine.control import request_stop
from scalable_cli.engine.limits import Mode
from scalable_cli.engine.rundir import RunDirectory, find_run
from scalable_cli.errors import RefusedError
from scalable_cli.host import Host, process
from scalable_cli.journal.events import Event
from scalable_cli.journal.fold import read_events
from scalable_cli.model.run import RunState
from scalable_cli.report import fold_run
from scalable_cli.session.running import RunRequest, resume_run, run_plan
from scalable_cli.store.local import LocalStore

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> EngineProject:
    return EngineProject(tmp_path)


def one(command: str, extra: str = "", output: str = "out") -> str:
    """A manifest's only task, called t, with one output."""
    quoted = command.replace("'", "''")
    return (
        f"  t:\n    component: small\n    command: '{quoted}'\n{extra}"
        f"    outputs:\n      out: {output}\n"
    )


def failure(project: EngineProject, tasks: str) -> str:
    """What is said of the only failure of a run."""
    result = project.write(tasks).run()
    assert result.run.state is RunState.FAILED
    assert artifacts(result) == {}
    (only,) = result.run.failures
    assert f"scalable: {only.text}" in log(result, str(only.log).removeprefix("logs/"))
    return only.text


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("exit 3", "exit code 3"),
        ("true", 'output "out" is missing: the step did not write out'),
        ("ln -s /etc/passwd out", 'output "out" (out) is a link to outside'),
        ("mkdir out && ln -s /etc out/etc", 'output "out": etc is a link to outside'),
        ("mkfifo out", "is neither a file nor a folder"),
        ("echo x > out; kill -9 $$", "killed by SIGKILL"),
        ("no-such-command-here", "exit code 127: a command was not found"),
        ("cd .. && rm -rf work && mkdir work", 'output "out" is missing'),
    ],
)
def test_a_failure_is_named_and_leaves_no_artifact(
    project: EngineProject, command: str, text: str
) -> None:
    assert text in failure(project, one(command))


def test_a_program_that_does_not_exist_is_not_tried_again(project: EngineProject) -> None:
    tasks = "  t:\n    component: small\n    retries: 3\n    command: [no-such-program, x]\n"

    assert failure(project, tasks) == 'command not found: "no-such-program"'


def test_a_time_limit_ends_the_whole_group_even_if_it_ignores_sigterm(
    project: EngineProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_S", 1.0)
    marker = project.folder / "pids"
    command = f'trap "" TERM; echo $$ >> {marker}; sleep 60 & echo $! >> {marker}; wait; sleep 60'
    started = time.monotonic()

    text = failure(project, one(command, "    timeout: 1s\n"))

    assert text == "stopped after its time limit of 1 s"
    assert time.monotonic() - started < 15
    assert not any(lives(pid) for pid in marker.read_text().split())


def test_what_a_step_leaves_in_the_background_ends_with_it(project: EngineProject) -> None:
    marker = project.folder / "pid"
    project.write(one(f"sleep 60 & echo $! > {marker}; echo x > out")).run()
    time.sleep(0.2)

    assert not lives(marker.read_text().strip())


def test_a_step_is_tried_again_and_each_try_has_its_log(project: EngineProject) -> None:
    tasks = one(
        "echo try $SCALABLE_ATTEMPT; [ $SCALABLE_ATTEMPT -ge 3 ] && echo x > out",
        "    retries: 2\n    backoff: 0.05s\n",
    )
    result = project.write(tasks).run()

    assert result.run.state is RunState.DONE
    assert result.run.retried == 2
    assert [log(result, f"t/t/{n}.log").splitlines()[0] for n in (1, 2, 3)] == [
        "try 1",
        "try 2",
        "try 3",
    ]


TWO_BRANCHES = """\
  good:
    component: small
    matrix:
      n: 1..3
    command: echo {{ matrix.n }} > {{ outputs.o }}
    outputs:
      o: good/{{ matrix.n }}
  bad:
    component: small
    matrix:
      n: 1..2
    command: "[ {{ matrix.n }} != 1 ] && echo {{ matrix.n }} > {{ outputs.o }}"
    outputs:
      o: bad/{{ matrix.n }}
  after:
    component: small
    inputs:
      o: bad.o
    command: cat {{ inputs.o }}
"""


def test_keep_going_runs_all_that_does_not_need_what_failed(project: EngineProject) -> None:
    result = project.write(TWO_BRANCHES).run(keep_going=True)

    assert counts(result) == {"good": (3, 0, 0, 0), "bad": (1, 0, 1, 0), "after": (0, 0, 0, 1)}


def test_without_keep_going_nothing_new_starts_after_a_failure(project: EngineProject) -> None:
    tasks = """\
  t:
    component: small
    matrix:
      n: 1..40
    command: sleep 0.05; [ {{ matrix.n }} -gt 2 ]
"""
    result = project.write(tasks).run()

    assert counts(result)["t"][2] >= 1
    assert counts(result)["t"][0] < 30


def test_much_output_is_kept_whole(project: EngineProject) -> None:
    result = project.write(one("yes line | head -n 200000; echo x > out")).run()

    assert len(log(result, "t/t/1.log").splitlines()) == 200_000


def test_a_failed_run_resumes_with_what_was_missing(project: EngineProject) -> None:
    flag = project.folder / "flag"
    tasks = TWO_BRANCHES.replace(
        "[ {{ matrix.n }} != 1 ]", f"[ {{{{ matrix.n }}}} != 1 -o -e {flag} ]"
    )
    result = project.write(tasks).run(keep_going=True)
    flag.write_text("")
    resumed = resume_run(result.directory, Host.current())

    assert resumed.run.state is RunState.DONE
    assert resumed.run.id == result.run.id
    assert counts(resumed) == {"good": (3, 0, 0, 0), "bad": (2, 0, 0, 0), "after": (1, 0, 0, 0)}
    with pytest.raises(RefusedError):
        resume_run(result.directory, Host.current())


SLOW = """\
  t:
    component: small
    matrix:
      n: 1..12
    command: echo ran >> {{marker}}.{{ matrix.n }}; sleep 0.3; echo {{ matrix.n }} > {{ outputs.o }}
    outputs:
      o: out/{{ matrix.n }}
"""

CHILD = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from engine_project import EngineProject
EngineProject(Path({folder!r})).run()
"""


def lives(pid: str) -> bool:
    """Whether a process is there and no zombie that nobody reaps."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def start_run(project: EngineProject, done: int) -> tuple[subprocess.Popen[bytes], RunDirectory]:
    """A run in a process of its own, once so many of its steps have ended."""
    code = CHILD.format(
        root=str(ROOT), tests=str(ROOT / "tests" / "unit"), folder=str(project.folder)
    )
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    store = LocalStore(project.folder / "runs")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(0.05)
        if [f for f in store.folders("") if f.startswith("run-")]:
            run = find_run(store, None)
            if (
                store.stat(run.key("run.json"))
                and sum(t.done for t in fold_run(run, time.time()).tasks) >= done
            ):
                return child, run
    raise AssertionError("the run did not get that far")


def running(folder: Path) -> list[str]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in line:
                found.append(line.decode(errors="replace"))
    return found


def test_a_killed_run_resumes_without_running_finished_steps_again(
    project: EngineProject,
) -> None:
    marker = project.folder / "marks"
    project.write(SLOW.replace("{{marker}}", str(marker)))
    child, run = start_run(project, done=3)
    child.kill()
    child.wait()
    finished = {str(e.values["step"]) for e in _events(run, "step.done")}
    assert fold_run(run, time.time()).state is RunState.LOST

    resumed = resume_run(run, Host.current())

    assert resumed.run.state is RunState.DONE
    assert artifacts(resumed) == {f"out/{n}": f"{n}\n" for n in range(1, 13)}
    again = [str(e.values["step"]) for e in _events(run, "step.done")]
    assert sorted(again) == sorted(set(again)), "a step was recorded twice"
    for step in finished:
        n = step.partition("=")[2].rstrip("]")
        assert Path(f"{marker}.{n}").read_text() == "ran\n"
    assert list((project.folder / "runs").rglob(".tmp-*")) == []


def test_the_steps_of_a_killed_run_end_too(project: EngineProject) -> None:
    tasks = SLOW.replace("{{marker}}", str(project.folder / "marks")).replace("0.3", "45")
    project.write(tasks)
    child, _ = start_run(project, done=0)
    until = time.monotonic() + 20
    while not list(project.folder.glob("marks.*")) and time.monotonic() < until:
        time.sleep(0.05)
    child.kill()
    child.wait()
    while running(project.folder) and time.monotonic() < until:
        time.sleep(0.1)

    assert running(project.folder) == []


def test_an_interrupted_run_stops_cleanly_and_resumes(project: EngineProject) -> None:
    project.write(SLOW.replace("{{marker}}", str(project.folder / "marks")))
    child, run = start_run(project, done=2)
    os.kill(child.pid, signal.SIGINT)
    child.wait(timeout=20)

    stopped = fold_run(run, time.time())
    assert stopped.state is RunState.STOPPED
    assert run.store.stat(run.key("lease.json")) is None
    assert resume_run(run, Host.current()).run.state is RunState.DONE


def test_a_run_that_is_going_on_cannot_be_resumed(project: EngineProject) -> None:
    project.write(SLOW.replace("{{marker}}", str(project.folder / "marks")))
    child, run = start_run(project, done=1)
    try:
        with pytest.raises(RefusedError, match="still going on"):
            resume_run(run, Host.current())
    finally:
        child.kill()
        child.wait()


def test_two_runs_of_a_project_at_once_do_not_disturb_each_other(project: EngineProject) -> None:
    project.write(SLOW.replace("{{marker}}", str(project.folder / "marks")))
    child, first = start_run(project, done=1)
    second = project.run()
    child.wait(timeout=60)

    assert second.run.state is RunState.DONE
    assert second.run.id != first.id
    assert fold_run(first, time.time()).state is RunState.DONE
    assert artifacts(second) == {f"out/{n}": f"{n}\n" for n in range(1, 13)}


def test_a_torn_journal_line_is_dropped(project: EngineProject) -> None:
    result = project.write(one("echo x > out")).run()
    journal = sorted(Path(result.run.uri, "journal").iterdir())[-1]
    with journal.open("ab") as stream:
        stream.write(b'{"at":1,"event":"step.do')

    assert fold_run(result.directory, time.time()).state is RunState.DONE


def _events(run: RunDirectory, kind: str) -> list[Event]:
    return [e for e in read_events(run.store, run.id) if e.kind.value == kind]


def test_a_step_that_outgrows_its_memory_is_stopped_and_said(project: EngineProject) -> None:
    grow = 'python3 -c "import time; x = bytearray(400 << 20); time.sleep(5)"'

    assert "out of memory: took" in failure(project, one(grow))


def test_more_memory_is_given_where_the_task_says_so(project: EngineProject) -> None:
    grow = (
        "echo $SCALABLE_MEMORY_BYTES >> {m}; "
        'python3 -c "import time; x = bytearray(150 << 20); time.sleep(1)"; echo x > out'
    ).replace("{m}", str(project.folder / "memory"))
    extra = "    retries: 3\n    backoff: 0.05s\n    retry:\n      memory: x2\n"
    result = project.write(one(grow, extra)).run()

    assert result.run.state is RunState.DONE
    assert (project.folder / "memory").read_text().split() == [str(100 << 20), str(200 << 20)]


def test_a_stop_request_drains_and_the_run_resumes(project: EngineProject) -> None:
    project.write(SLOW.replace("{{marker}}", str(project.folder / "marks")))
    child, run = start_run(project, done=2)
    request_stop(run, Mode.DRAIN, time.time())
    child.wait(timeout=20)

    stopped = fold_run(run, time.time())
    assert (stopped.state, stopped.reason) == (RunState.STOPPED, "stopped on request")
    assert 2 <= stopped.tasks[0].done < 12
    assert resume_run(run, Host.current()).run.state is RunState.DONE


def test_a_checkpoint_survives_an_interruption(project: EngineProject) -> None:
    command = (
        "mkdir -p state; n=$(cat state/n 2>/dev/null || echo 0); echo from $n; "
        "trap exit TERM; while [ $n -lt 20 ]; do n=$((n+1)); echo $n > state/n; sleep 0.2; done; "
        "echo $n > out"
    )
    project.write(one(command, "    checkpoint: state\n"))
    child, run = start_run(project, done=0)
    until = time.monotonic() + 20
    log_file = Path(run.uri, "logs", "t", "t", "1.log")
    while not log_file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.2)
    request_stop(run, Mode.NOW, time.time())
    child.wait(timeout=30)
    resumed = resume_run(run, Host.current())

    assert resumed.run.state is RunState.DONE
    assert int(log(resumed, "t/t/2.log").split()[1]) >= 3


def test_a_time_limit_of_the_run_drains_it(project: EngineProject) -> None:
    tasks = SLOW.replace("{{marker}}", str(project.folder / "m")).replace("0.3", "0.8")
    session = project.write(tasks).session()
    request = RunRequest(max_duration_s=0.5)
    result = run_plan(session, session.plan(), None, request)

    assert result.run.state is RunState.STOPPED
    assert str(result.run.reason).startswith("time limit reached")


def test_too_many_failures_end_a_run_that_keeps_going(project: EngineProject) -> None:
    tasks = (
        "  t:\n    component: small\n    matrix:\n      n: 1..50\n    command: sleep 0.1; exit 1\n"
    )
    session = project.write(tasks).session()
    request = RunRequest(keep_going=True, max_failures=5)
    result = run_plan(session, session.plan(), None, request)

    assert result.run.reason is not None
    assert result.run.reason.endswith("steps failed")
    assert len(result.run.failures) < 50
