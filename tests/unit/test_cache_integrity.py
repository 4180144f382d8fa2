"""Cached results are used only when their bytes are right; what is wrong is said and made again."""

from __future__ import annotations

import json
import os
import stat
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from engine_project import EngineProject, artifacts, counts, events

from scalable_cli.engine.outputs import keep_object
from scalable_cli.engine.reuse import NAMED
from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.cache import StepRecord
from scalable_cli.model.digest import digest_of_file
from scalable_cli.model.run import RunState
from scalable_cli.session.running import RunResult
from scalable_cli.store.cache import StepCache, object_key
from scalable_cli.store.local import LocalStore
from scalable_cli.store.verified import Condition, Verified

THREE = """\
  simulate:
    component: small
    matrix:
      n: 1..3
    command: echo {{ matrix.n }} >> calls; echo value-{{ matrix.n }} > {{ outputs.out }}
    outputs:
      out: out/{{ matrix.n }}.txt
  total:
    component: small
    needs: [simulate]
    command: cat {{ inputs.parts }} > {{ outputs.sum }}
    inputs:
      parts: simulate.out
    outputs:
      sum: sum.txt
"""
MODEL = """\
  model:
    component: small
    command: cat {{ inputs.data }} > {{ outputs.out }}
    inputs:
      data: data.txt
    outputs:
      out: out.txt
"""


@pytest.fixture
def project(tmp_path: Path) -> EngineProject:
    return EngineProject(tmp_path)


def objects(project: EngineProject) -> dict[str, Path]:
    """The cache's objects by their content."""
    found = (project.folder / "runs/cache/objects").glob("*/*")
    return {path.read_text(): path for path in found}


def flip_bit(path: Path) -> None:
    """Change one bit of a file in place, as a failing disk or a careless program does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x04
    path.chmod(0o644)
    path.write_bytes(data)


def notes(result: RunResult) -> list[str]:
    """What a run said in passing."""
    return [event.text("text") for event in events(result, "note")]


def test_a_flipped_bit_is_found_said_and_mended(project: EngineProject) -> None:
    first = project.write(THREE).run()
    flip_bit(objects(project)["value-3\n"])

    second = project.run()
    third = project.run()

    assert notes(second) == ['cache entry of "simulate[n=3]" is damaged; it runs again']
    assert counts(second) == {"simulate": (1, 2, 0, 0), "total": (0, 1, 0, 0)}
    assert artifacts(second)["out/3.txt"] == "value-3\n"
    assert (notes(third), third.run.tasks[0].cached) == ([], 3)
    assert artifacts(third) == artifacts(second)
    assert artifacts(first)["out/3.txt"] != "value-3\n"  # the same file, on the same disk


@pytest.mark.parametrize("harm", ["lost", "longer", "empty"])
def test_an_object_that_is_gone_or_has_another_size_is_made_again(
    project: EngineProject, harm: str
) -> None:
    project.write(THREE).run()
    plan = project.plan()
    path = objects(project)["value-2\n"]
    path.unlink()
    if harm != "lost":
        path.write_text("" if harm == "empty" else "value-2\nand more")

    result = project.run_plan(plan)

    how = "incomplete" if harm == "lost" else "damaged"
    assert notes(result) == [f'cache entry of "simulate[n=2]" is {how}; it runs again']
    assert artifacts(result)["sum.txt"] == "value-1\nvalue-2\nvalue-3\n"


def test_what_a_plan_said_before_is_not_said_again(project: EngineProject) -> None:
    project.write(THREE).run()
    objects(project)["value-2\n"].unlink()

    result = project.run()

    assert notes(result) == []
    assert counts(result)["simulate"] == (1, 2, 0, 0)


def test_many_damaged_entries_are_counted(project: EngineProject) -> None:
    project.write(THREE.replace("1..3", f"1..{NAMED + 2}")).run()
    for text, path in objects(project).items():
        if text.count("\n") == 1:
            flip_bit(path)

    result = project.run()

    assert len(notes(result)) == NAMED + 1
    assert notes(result)[-1] == "and 2 more cache entries; their steps run again"
    assert result.run.state is RunState.DONE


def test_a_step_that_gives_other_bytes_when_made_again_takes_its_dependents_along(
    project: EngineProject,
) -> None:
    tasks = THREE.replace("echo value-{{ matrix.n }} >", "date +%s.%N >")
    first = project.write(tasks).run()
    path = objects(project)[artifacts(first)["out/1.txt"]]
    flip_bit(path)

    second = project.run()

    assert counts(second) == {"simulate": (1, 2, 0, 0), "total": (1, 0, 0, 0)}
    assert artifacts(second)["sum.txt"].startswith(artifacts(second)["out/1.txt"])


def test_a_wrong_object_in_the_way_of_a_new_output_is_replaced(project: EngineProject) -> None:
    project.write(THREE)
    folder = project.folder / "other"
    folder.mkdir()
    (folder / "right").write_text("value-1\n")
    digest = digest_of_file(folder / "right")
    LocalStore(project.folder / "runs").write(object_key(digest), b"VALUE-1\n")

    project.run()
    second = project.run()

    assert notes(second) == []
    assert counts(second)["simulate"] == (0, 3, 0, 0)
    assert artifacts(second)["out/1.txt"] == "value-1\n"


def test_a_damaged_copy_of_a_project_file_is_not_given_to_a_step(project: EngineProject) -> None:
    project.write(MODEL, data__txt="from the project\n").run()
    flip_bit(objects(project)["from the project\n"])

    result = project.run(force=True)

    assert artifacts(result) == {"out.txt": "from the project\n"}


def test_a_damaged_bundle_of_code_is_packed_again(project: EngineProject) -> None:
    tasks = MODEL.replace("cat {{ inputs.data }}", "sh run.sh {{ inputs.data }}")
    project.write(tasks, data__txt="x\n", run__sh="cat $1\n").run()
    (bundle,) = (project.folder / "runs/cache/code").iterdir()
    flip_bit(bundle)
    for unpacked in (project.folder / ".scalable/cache/code").iterdir():
        unpacked.rename(project.folder / ".scalable/gone")

    result = project.run(force=True)

    assert artifacts(result) == {"out.txt": "x\n"}


def test_an_unchanged_object_is_hashed_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "runs")
    digest = _put(store, b"abc", age_s=10)
    verified = Verified(store, tmp_path / "local")
    before = verified.condition(object_key(digest), digest, 3)
    verified.save()
    path = store.local_path(object_key(digest))
    assert path is not None
    status = path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    unseen = Verified(store, tmp_path / "local").condition(object_key(digest), digest, 3)
    os.utime(path)
    seen = Verified(store, tmp_path / "local").condition(object_key(digest), digest, 3)

    assert (before, unseen, seen) == (Condition.SOUND, Condition.SOUND, Condition.DAMAGED)


def test_an_object_that_was_just_written_is_hashed_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "runs")
    digest = _put(store, b"abc", age_s=0)
    verified = Verified(store, tmp_path / "local")
    verified.condition(object_key(digest), digest, 3)
    verified.save()

    assert list((tmp_path / "local").glob("*")) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema":"scalable.verified/1","storage":1}'])
def test_a_damaged_index_only_costs_time(tmp_path: Path, text: str) -> None:
    store = LocalStore(tmp_path / "runs")
    digest = _put(store, b"abc", age_s=10)
    first = Verified(store, tmp_path / "local")
    first.condition(object_key(digest), digest, 3)
    first.save()
    (index,) = (tmp_path / "local").iterdir()
    index.write_text(text)

    found = Verified(store, tmp_path / "local").condition(object_key(digest), digest, 3)

    assert found is Condition.SOUND


def test_the_second_cached_run_reads_no_output(project: EngineProject) -> None:
    project.write(THREE).run()
    for path in objects(project).values():
        os.utime(path, (time.time() - 60, time.time() - 60))
    project.run()
    (index,) = (project.folder / ".scalable/cache").glob("verified-*.json")
    known = json.loads(index.read_text())["objects"]

    assert len(known) == 4


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o444), (0o077, 0o400), (0o027, 0o440)])
def test_results_are_for_those_whom_the_umask_admits(
    project: EngineProject, monkeypatch: pytest.MonkeyPatch, mask: int, mode: int
) -> None:
    from scalable_cli.host import umask

    tasks = THREE.replace("echo value", "umask 077; echo value")
    before = os.umask(mask)
    umask.cache_clear()
    try:
        project.write(tasks).run()
    finally:
        os.umask(before)
        umask.cache_clear()

    modes = {stat.S_IMODE(path.stat().st_mode) for path in objects(project).values()}
    assert modes == {mode}


def _put(store: LocalStore, data: bytes, age_s: float) -> str:
    store.write("file", data)
    path = store.local_path("file")
    assert path is not None
    digest = digest_of_file(path)
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    keep_object(store, "file", digest)
    return digest


def _write_results(root: Path, writer: int, rounds: int) -> None:
    """What a run does at the end of a step that many runs do at once."""
    store = LocalStore(root)
    cache = StepCache(store)
    for number in range(rounds):
        data = f"result {number % 2}".encode() * 1000
        store.write(f"run-{writer}/artifacts/out", data)
        path = store.local_path(f"run-{writer}/artifacts/out")
        assert path is not None
        digest = digest_of_file(path)
        keep_object(store, f"run-{writer}/artifacts/out", digest)
        ref = ArtifactRef("out", digest, len(data))
        cache.write(StepRecord("ab" * 32, "step", f"run-{writer}", (ref,), 1.0, 1.0, 1))


def test_processes_that_write_one_key_leave_a_sound_record_at_every_moment(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "runs")
    spawn = get_context("spawn")
    arguments = [(tmp_path / "runs", number, 200) for number in range(3)]
    writers = [spawn.Process(target=_write_results, args=given) for given in arguments]
    for writer in writers:
        writer.start()
    seen = set()
    looked = 0
    while any(writer.is_alive() for writer in writers) or not looked:
        cache = StepCache(store, Verified(store, tmp_path / "local"))
        record = cache.record("ab" * 32)
        if record is not None:
            looked += 1
            seen.add(cache.condition(record))
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert seen == {Condition.SOUND}
    assert list((tmp_path / "runs").rglob(".tmp-*")) == []


def test_2000_known_objects_are_told_sound_in_a_blink(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "runs")
    digests = [_put(store, str(number).encode(), age_s=10) for number in range(2000)]
    first = Verified(store, tmp_path / "local")
    for digest in digests:
        first.condition(object_key(digest), digest)
    first.save()
    again = Verified(store, tmp_path / "local")
    started = time.perf_counter()

    found = {again.condition(object_key(digest), digest) for digest in digests}

    assert found == {Condition.SOUND}
    assert time.perf_counter() - started < 0.4
