"""A clean-up removes what nobody needs, and nothing that a result or a live run needs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from engine_project import EngineProject, artifacts, counts, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalable_cli.engine.lease import Lease
from scalable_cli.errors import RefusedError, UsageError
from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.cache import StepRecord
from scalable_cli.session.caching import clean_up, plan_clean_up, view_cache
from scalable_cli.store.cache import StepCache, object_key, record_key
from scalable_cli.store.gc import GcLimits, GcPlan, InUse, plan_gc
from scalable_cli.store.inventory import Inventory, Result, Stored

DAY = 86_400.0
NO_LIMIT = GcLimits()
TASKS = """\
  simulate:
    component: small
    matrix:
      n: 1..3
    command: head -c 20000 /dev/zero | tr '\\0' {{ matrix.n }} > {{ outputs.out }}
    outputs:
      out: out/{{ matrix.n }}.txt
"""


@pytest.fixture
def project(tmp_path: Path) -> EngineProject:
    return EngineProject(tmp_path).write(TASKS)


def collect(project: EngineProject, limits: GcLimits = NO_LIMIT) -> GcPlan:
    """Clean up, as `cache gc --yes` does."""
    session = project.session()
    plan = plan_clean_up(session, limits)
    assert clean_up(session, plan) == []
    return plan


def age(project: EngineProject, days: float) -> None:
    """Let everything in the cache be so much older."""
    for path in (project.folder / "runs/cache").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - days * DAY,) * 2)


def cached(project: EngineProject) -> list[str]:
    return sorted(r.record.step for r in view_cache(project.session()).inventory.results)


def test_without_a_limit_no_result_goes(project: EngineProject) -> None:
    project.run()
    store = project.session().store
    store.write(object_key("ee" * 32), b"nobody refers to this")
    store.write(record_key("aa" * 32), b"{")
    (project.folder / "runs/cache/objects/.tmp-old").write_text("x")
    age(project, 2)
    (project.folder / "runs/cache/objects/.tmp-new").write_text("x")

    plan = collect(project)

    assert [file.key for file in plan.files] == [
        record_key("aa" * 32),
        object_key("ee" * 32),
        "cache/objects/.tmp-old",
    ]
    assert counts(project.run())["simulate"] == (0, 3, 0, 0)
    assert (project.folder / "runs/cache/objects/.tmp-new").exists()


def test_old_results_go_and_runs_keep_theirs(project: EngineProject) -> None:
    first = project.run()
    before = artifacts(first)
    age(project, 40)

    plan = collect(project, GcLimits(older_than_s=30 * DAY))

    assert len(plan.results) == len(plan.objects) == 3
    assert (cached(project), artifacts(first)) == ([], before)
    assert counts(project.run())["simulate"] == (3, 0, 0, 0)


def test_a_result_is_as_young_as_its_last_use(project: EngineProject) -> None:
    project.run()
    age(project, 40)
    project.run()

    assert collect(project, GcLimits(older_than_s=30 * DAY)).results == ()


def test_only_what_no_run_holds_frees_the_disk(project: EngineProject) -> None:
    first = project.run()
    age(project, 40)
    Path(first.run.uri, "artifacts/out/2.txt").unlink()

    plan = collect(project, GcLimits(older_than_s=30 * DAY))

    freed = [file.frees for file in plan.objects if file.frees]
    assert len(freed) == 1
    assert 20_000 <= freed[0] <= 40_000
    assert plan.held == 40_000


def test_the_results_of_one_run_go(project: EngineProject) -> None:
    first = project.run()
    project.write(TASKS.replace("1..3", "3..5")).run()

    plan = collect(project, GcLimits(run=first.run.id[-6:]))

    assert sorted(result.record.step for result in plan.results) == [
        f"simulate[n={n}]" for n in (1, 2, 3)
    ]
    assert cached(project) == ["simulate[n=4]", "simulate[n=5]"]
    with pytest.raises(UsageError, match="made none of the cached results"):
        plan_clean_up(project.session(), GcLimits(run="run-of-nobody"))


def test_above_a_size_what_was_not_used_for_longest_goes(project: EngineProject) -> None:
    project.run()
    files = {r.record.step: r.file for r in view_cache(project.session()).inventory.results}
    for n, days in ((1, 3), (2, 9), (3, 6)):
        path = project.session().store.local_path(files[f"simulate[n={n}]"].key)
        assert path is not None
        os.utime(path, (time.time() - days * DAY,) * 2)

    collect(project, GcLimits(max_bytes=45_000))

    assert cached(project) == ["simulate[n=1]", "simulate[n=3]"]


def test_what_a_live_run_may_use_stays(project: EngineProject) -> None:
    project.run()
    age(project, 40)
    second = project.run()
    age(project, 40)

    with Lease(second.directory, time.time):
        spared = collect(project, GcLimits(older_than_s=DAY))
    gone = collect(project, GcLimits(older_than_s=DAY))

    assert (spared.results, spared.objects, spared.spared) == ((), (), 3)
    assert (len(gone.results), len(gone.objects)) == (3, 3)


def test_what_was_written_since_a_live_run_began_stays(project: EngineProject) -> None:
    first = project.run()
    store = project.session().store
    store.write(object_key("ee" * 32), b"its record comes in a moment")

    with Lease(first.directory, time.time):
        plan = collect(project, GcLimits(max_bytes=0))

    assert list(plan.files) == []
    assert plan.spared == 3


def test_a_live_run_whose_plan_cannot_be_read_stops_a_clean_up(project: EngineProject) -> None:
    first = project.run()
    Path(first.run.uri, "plan.json").write_text("{")

    with (
        Lease(first.directory, time.time),
        pytest.raises(RefusedError, match="is going on, and what it needs cannot be told"),
    ):
        plan_clean_up(project.session(), GcLimits())


def test_records_of_a_later_version_stop_a_clean_up(project: EngineProject) -> None:
    project.session().store.write(record_key("aa" * 32), b'{"schema":"scalable.step/2"}')

    with pytest.raises(RefusedError, match="a record of another version"):
        plan_clean_up(project.session(), GcLimits())


def test_what_was_written_anew_since_the_decision_stays(project: EngineProject) -> None:
    project.run()
    age(project, 40)
    session = project.session()
    plan = plan_clean_up(session, GcLimits(older_than_s=DAY))
    project.run(force=True)

    clean_up(session, plan)

    result = project.run()
    assert counts(result)["simulate"] == (0, 3, 0, 0)
    assert events(result, "note") == []


def test_an_object_that_goes_during_a_run_costs_one_step(project: EngineProject) -> None:
    project.run()
    plan = project.plan()
    age(project, 40)
    collect(project, GcLimits(older_than_s=DAY))

    result = project.run_plan(plan)

    assert counts(result)["simulate"] == (3, 0, 0, 0)
    assert len(events(result, "note")) == 3


DIGESTS = st.sampled_from([f"{n:064x}" for n in range(8)])
TIMES = st.integers(0, 100).map(float)
RESULTS = st.lists(
    st.builds(
        lambda digests, run, used: (tuple(digests), run, used),
        st.lists(DIGESTS, max_size=4),
        st.sampled_from(["run-1", "run-2"]),
        TIMES,
    ),
    max_size=8,
)
LIMITS = st.builds(
    GcLimits,
    st.none() | TIMES,
    st.none() | st.integers(0, 100),
    st.none() | st.sampled_from(["run-1", "run-2"]),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    RESULTS,
    st.dictionaries(DIGESTS, TIMES),
    LIMITS,
    st.none() | TIMES,
    st.frozensets(DIGESTS),
    st.frozensets(st.integers(0, 7)),
)
def test_nothing_that_somebody_needs_is_ever_removed(
    results: list[tuple[tuple[str, ...], str, float]],
    objects: dict[str, float],
    limits: GcLimits,
    since: float | None,
    digests: frozenset[str],
    planned: frozenset[int],
) -> None:
    made = tuple(_result(n, *fields) for n, fields in enumerate(results))
    stored = {d: Stored(object_key(d), 10, 10, at) for d, at in objects.items()}
    keys = frozenset(f"{n:064x}" for n in planned)
    in_use = InUse(since, keys, digests)

    plan = plan_gc(Inventory(made, stored), limits, in_use, now=100.0)

    removed = {file.key for file in plan.objects}
    staying = [result for result in made if result not in plan.results]
    assert not removed & {object_key(d) for result in staying for d in result.files}
    assert not removed & {object_key(d) for d in digests}
    assert not {result.record.key for result in plan.results} & keys
    if since is not None:
        assert all(file.modified < since for file in plan.files)
    if limits.run is not None:
        assert {result.record.run for result in plan.results} <= {limits.run}
    needed = {d for result in staying for d in result.files} | digests
    loose = {d for d, at in objects.items() if d not in needed and (since is None or at < since)}
    assert removed == {object_key(d) for d in loose}
    if limits == GcLimits():
        assert plan.results == ()


def _result(number: int, digests: tuple[str, ...], run: str, used: float) -> Result:
    refs = tuple(ArtifactRef(f"out/{n}", digest, 10) for n, digest in enumerate(digests))
    record = StepRecord(f"{number:064x}", f"t[n={number}]", run, refs, 1.0, 1.0, 1)
    return Result(record, Stored(record_key(record.key), 5, 5, used))


def test_records_survive_in_a_real_store_whatever_is_asked(project: EngineProject) -> None:
    project.run()
    project.write(TASKS.replace("1..3", "2..6")).run()
    for number, path in enumerate(sorted((project.folder / "runs/cache/steps").rglob("*.json"))):
        os.utime(path, (time.time() - number * DAY,) * 2)

    for limits in (GcLimits(), GcLimits(4.5 * DAY), GcLimits(None, 60_000), GcLimits(DAY, 30_000)):
        collect(project, limits)
        session = project.session()
        cache = StepCache(session.store)
        for result in view_cache(session).inventory.results:
            assert cache.present(result.record)
