"""A run seen from outside while another process writes to it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from scalable_cli.commands._runs import wait_for
from scalable_cli.engine.lease import Lease, read_holder
from scalable_cli.engine.rundir import RunDirectory
from scalable_cli.host import Host
from scalable_cli.journal.events import Kind
from scalable_cli.journal.writer import JournalWriter
from scalable_cli.model.run import RunState, StepState
from scalable_cli.report import Watching, fold_run
from scalable_cli.report import watching as module
from scalable_cli.store.local import LocalStore


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(LocalStore(tmp_path), "run-1")
    directory.write_json("run.json", {"id": "run-1", "tasks": [["t", "small", 3]], "created": 1.0})
    return directory


def test_each_look_takes_what_is_new_and_a_torn_line_when_it_is_whole(run: RunDirectory) -> None:
    with Lease(run, time.time) as lease:
        journal = JournalWriter(run.store, run.id, time.time)
        journal.add(Kind.RUN_STARTED, generation=lease.generation)
        journal.add(Kind.STEP_STARTED, step="t[n=1]", attempt=1)
        journal.flush()
        watching, seen = Watching(run), []
        first = watching.look(time.time(), lambda event, _: seen.append(event.kind))
        (segment,) = Path(run.uri, "journal").iterdir()
        line = journal.add(Kind.STEP_DONE, step="t[n=1]", attempt=1).line().encode()
        with segment.open("ab") as stream:
            stream.write(line[:20])
        torn = watching.look(time.time())
        with segment.open("ab") as stream:
            stream.write(line[20:])
        whole = watching.look(time.time(), lambda event, _: seen.append(event.kind))

    assert (first.state, first.count(StepState.RUNNING)) == (RunState.RUNNING, 1)
    assert torn == first
    assert whole.count(StepState.DONE) == 1
    assert seen == [Kind.RUN_STARTED, Kind.STEP_STARTED, Kind.STEP_DONE]


def test_a_new_head_that_has_written_nothing_yet_makes_the_run_go_on(run: RunDirectory) -> None:
    with Lease(run, time.time) as lease:
        journal = JournalWriter(run.store, run.id, time.time)
        journal.add(Kind.RUN_STARTED, generation=lease.generation)
        journal.add(Kind.RUN_ENDED, state="stopped", reason="stopped on request")
        journal.close()
        ending = fold_run(run, time.time())
    with Lease(run, time.time):
        again = fold_run(run, time.time())

    assert ending.state is RunState.STOPPED
    assert (again.state, again.ended) == (RunState.RUNNING, None)
    assert fold_run(run, time.time()).state is RunState.STOPPED


def test_a_head_that_ends_between_two_looks_is_not_lost(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = JournalWriter(run.store, run.id, time.time)
    journal.add(Kind.RUN_STARTED)
    journal.flush()
    describe = module.describe

    def late(*args: object) -> object:
        """The head says goodbye after the journal was read and before the lease is."""
        if not journal_closed:
            journal_closed.append(True)
            journal.add(Kind.RUN_ENDED, state="done")
            journal.close()
        return describe(*args)  # type: ignore[arg-type]

    journal_closed: list[bool] = []
    monkeypatch.setattr(module, "describe", late)

    assert Watching(run).look(time.time()).state is RunState.DONE


def test_waiting_ends_when_the_head_has_let_go(run: RunDirectory) -> None:
    lease = Lease(run, time.time)
    lease.__enter__()
    journal = JournalWriter(run.store, run.id, time.time)
    journal.add(Kind.RUN_STARTED, generation=lease.generation)
    journal.add(Kind.RUN_ENDED, state="done")
    journal.close()
    clearing_up = threading.Timer(0.5, lease.__exit__)
    clearing_up.start()

    assert wait_for(run, Host.of_library()).state is RunState.DONE
    assert read_holder(run) is None
    clearing_up.join()


def test_without_a_head_a_run_that_has_not_ended_is_lost(run: RunDirectory) -> None:
    journal = JournalWriter(run.store, run.id, time.time)
    journal.add(Kind.RUN_STARTED)
    journal.close()

    assert fold_run(run, time.time()).state is RunState.LOST
