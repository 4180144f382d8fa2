"""What the cache remembers of steps, on a disk and in a store that must be listed."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.cache import PastStep, StepRecord, TaskHistory
from scalable_cli.store.cache import StepCache, history_key, object_key, record_key
from scalable_cli.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scalable_cli.model.artifact import Entry
    from scalable_cli.model.store import Store

KEY = "ab" * 32
FILE, INNER = "c1" * 32, "d2" * 32


class Remote:
    """A store that is elsewhere: nothing has a path here, and listings are counted."""

    uri = "s3://bucket/runs"

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self.listed: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def scan(self, prefix: str) -> Iterator[Entry]:
        self.listed.append(prefix)
        return self._store.scan(prefix)

    def local_path(self, key: str) -> Path | None:
        return None


@pytest.fixture
def local(tmp_path) -> LocalStore:
    """A store that has the objects of `record()`."""
    store = LocalStore(tmp_path / "it's a store")
    put_objects(store)
    return store


@pytest.fixture(params=["local", "remote"])
def store(request, local: LocalStore) -> Store:
    return local if request.param == "local" else Remote(local)


def record(key: str = KEY, step: str = "simulate[scenario=1]") -> StepRecord:
    folder = ArtifactRef("out/é", "f" * 64, 4, "s3://b/out", (("a b", INNER, 4),))
    outputs = (ArtifactRef("results/1.csv", FILE, 3, "s3://b/results/1.csv"), folder)
    return StepRecord(key, step, "run-1", outputs, 12.5, 11.25, 1 << 33)


def put_objects(store: Store) -> None:
    store.write(object_key(FILE), b"abc")
    store.write(object_key(INNER), b"abcd")


def test_a_record_comes_back_as_it_was_written(store: Store) -> None:
    StepCache(store).write(record())

    assert StepCache(store).has(KEY)
    assert StepCache(store).record(KEY) == record()


def test_the_layout_is_two_digit_folders(store: Store) -> None:
    StepCache(store).write(record())

    assert [f"cache/steps/ab/{KEY}.json"] == [e.key for e in store.scan("cache/steps/")]
    assert object_key(FILE) == f"cache/objects/c1/{FILE}"


def test_an_unknown_key_is_not_there(store: Store) -> None:
    cache = StepCache(store)

    assert not cache.has(KEY)
    assert cache.record(KEY) is None
    assert cache.history("simulate") is None


def test_what_this_cache_writes_and_drops_it_knows(store: Store) -> None:
    cache = StepCache(store)
    before = cache.has(KEY)

    cache.write(record())
    between = cache.has(KEY)
    cache.drop(KEY)
    cache.drop(KEY)

    assert (before, between, cache.has(KEY)) == (False, True, False)
    assert cache.record(KEY) is None


def test_many_keys_are_answered_like_few(local: LocalStore) -> None:
    cache = StepCache(local)
    cache.write(record())
    for number in range(1500):
        cache.has(f"{number:04x}" + "0" * 60)

    before = cache.has(KEY)
    cache.drop(KEY)
    between = cache.has(KEY)
    cache.write(record())

    assert (before, between, cache.has(KEY)) == (True, False, True)


def test_outputs_are_present_with_all_their_files_and_sizes(store: Store) -> None:
    assert StepCache(store).present(record())


@pytest.mark.parametrize("lost", [FILE, INNER])
def test_one_lost_or_shortened_file_makes_outputs_absent(store: Store, lost: str) -> None:
    store.write(object_key(lost), b"")
    shortened = StepCache(store).present(record())
    store.delete(object_key(lost))

    assert not shortened
    assert not StepCache(store).present(record())


def test_a_step_without_outputs_is_present(store: Store) -> None:
    assert StepCache(store).present(StepRecord(KEY, "t", "r", (), 1, 1, 0))


def test_objects_written_after_the_listing_are_found(store: Store) -> None:
    store.delete(object_key(FILE))
    cache = StepCache(store)
    before = cache.present(record())
    put_objects(store)

    assert (before, cache.present(record())) == (False, True)


def test_a_record_without_its_objects_is_not_kept(store: Store) -> None:
    store.delete(object_key(INNER))
    cache = StepCache(store)

    cache.write(record())

    assert cache.refused
    assert StepCache(store).record(KEY) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema":"scalable.step/1"}',
        b'{"schema":"scalable.step/2"}',
    ],
)
def test_a_damaged_record_or_history_is_none(store: Store, data: bytes) -> None:
    store.write(record_key(KEY), data)
    store.write(history_key("simulate"), data)

    assert StepCache(store).record(KEY) is None
    assert StepCache(store).history("simulate") is None


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b'"seconds":12.5', b'"seconds":"12"'),
        (b'"run":"run-1"', b'"run":null'),
        (b'"outputs":[[', b'"outputs":[["x"],['),
        (b"abababab", b"cdcdcdcd"),
        (b",3,", b",null,"),
        (b'[["a b",', b"[[7,"),
    ],
)
def test_a_record_of_another_form_or_key_is_none(store: Store, right: bytes, wrong: bytes) -> None:
    StepCache(store).write(record())
    data = store.read(record_key(KEY))
    assert right in data
    store.write(record_key(KEY), data.replace(right, wrong))

    assert StepCache(store).record(KEY) is None


def test_a_folder_where_a_record_should_be_is_no_record(local: LocalStore) -> None:
    local.write(record_key(KEY) + "/x", b"")

    assert StepCache(local).record(KEY) is None


def test_a_history_comes_back_as_it_was_written(store: Store) -> None:
    reads = (("grid", "e" * 64),)
    steps = (
        PastStep(("1", "ref"), "a" * 64, reads, 1.5),
        PastStep(("2", "é"), "b" * 64, reads, None),
    )
    history = TaskHistory(
        "simulate", "run-1", ("scenario", "policy"), (("command", "run"),), (("a.py", "d"),), steps
    )

    StepCache(store).write_history(history)

    assert StepCache(store).history("simulate") == history


def test_an_elsewhere_store_is_listed_once_a_folder_and_then_as_a_whole(local: LocalStore) -> None:
    remote = Remote(local)
    cache = StepCache(remote)
    keys = [f"{number:02x}" + "0" * 62 for number in range(256)]

    for key in keys * 2:
        cache.has(key)

    assert len(remote.listed) == 9
    assert remote.listed[-1] == "cache/steps/"


def test_many_writers_of_one_key_leave_one_whole_record(local: LocalStore) -> None:
    def write(number: int) -> None:
        cache = StepCache(LocalStore(local._root))
        for _ in range(50):
            cache.write(record(step=f"step-{number}" * 200))

    writers = [Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    seen = []
    while any(writer.is_alive() for writer in writers):
        cache = StepCache(local)
        if cache.has(KEY):
            seen.append(cache.record(KEY))
    for writer in writers:
        writer.join()

    assert None not in seen
    assert [record_key(KEY)] == [entry.key for entry in local.scan("cache/steps/")]


def test_500_cached_steps_are_looked_up_in_well_under_half_a_second(local: LocalStore) -> None:
    keys = [f"{number * 7919 % 65536:04x}" + "0" * 60 for number in range(500)]
    for key in keys:
        StepCache(local).write(record(key))
    cache = StepCache(local)
    started = time.perf_counter()

    found = [cache.has(k) and cache.record(k) for k in keys]
    present = [cache.present(r) for r in found if r]

    assert all(present)
    assert time.perf_counter() - started < 0.3
