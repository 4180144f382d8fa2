"""What every store promises; a store's own test gives the fixture `store`, empty each time."""

from __future__ import annotations

import hashlib
import pickle
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scalable_cli.errors import MismatchError, StorageError
from scalable_cli.model.store import Store

MIB = 1 << 20


class StoreContract:
    """What every store must do; a backend's test gives `store`."""

    def test_what_is_written_is_read(self, store: Store) -> None:
        store.write("a/b", b"x")

        assert store.read("a/b") == b"x"
        assert store.stat("a/b").size == 1

    def test_writing_again_replaces(self, store: Store) -> None:
        store.write("a", b"old")
        store.write("a", b"new")

        assert store.read("a") == b"new"

    def test_create_only_keeps_the_first(self, store: Store) -> None:
        assert store.write("a", b"1", create_only=True)
        assert not store.write("a", b"2", create_only=True)

        assert store.read("a") == b"1"

    def test_scan_is_sorted_by_full_key_and_honours_the_prefix(self, store: Store) -> None:
        for key in ("b", "a/x", "a.b", "a/b/c", "ab", "a-"):
            store.write(key, b"")

        assert [e.key for e in store.scan("")] == sorted(["b", "a/x", "a.b", "a/b/c", "ab", "a-"])
        assert [e.key for e in store.scan("a/")] == ["a/b/c", "a/x"]
        assert [e.key for e in store.scan("a/b")] == ["a/b/c"]
        assert list(store.scan("zzz/")) == []

    def test_deleting_twice_is_fine(self, store: Store) -> None:
        store.write("a", b"x")

        store.delete("a")
        store.delete("a")

        assert list(store.scan("")) == []

    def test_missing_key_is_none_or_an_error(self, store: Store) -> None:
        assert store.stat("nope") is None
        with pytest.raises(StorageError):
            store.read("nope")

    @pytest.mark.parametrize(
        "key", ["", "../x", "/x", "a//b", "a/../b", "a\0b", "a\nb", ".", "a/", "\udcff", "./a"]
    )
    def test_keys_cannot_escape(self, store: Store, key: str) -> None:
        with pytest.raises(StorageError):
            store.write(key, b"x")

    def test_put_fetch_and_copy_carry_the_bytes(self, store: Store, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"12345")

        store.put("a", source)
        store.copy("a", "b/c")
        store.copy("a", "b/c")
        store.fetch("b/c", tmp_path / "back")

        assert (tmp_path / "back").read_bytes() == b"12345"
        assert source.exists()

    def test_put_with_move_stores_the_file(self, store: Store, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"1")

        store.put("a/b/c", source, move=True)

        assert store.read("a/b/c") == b"1"

    def test_a_condition_on_the_version_has_one_winner(self, store: Store) -> None:
        store.write("a", b"1")
        first = version(store, "a")

        assert store.write("a", b"22", if_version=first)
        assert not store.write("a", b"333", if_version=first)
        assert not store.write("none", b"4", if_version=first)
        assert store.read("a") == b"22"
        assert store.stat("none") is None

    def test_a_listing_tells_size_time_and_version(self, store: Store) -> None:
        store.write("a/b", b"12345")

        (entry,) = store.scan("a/")

        assert entry.size == 5
        assert abs(entry.modified - time.time()) < 60
        assert entry.version == version(store, "a/b")

    def test_folders_are_the_names_directly_below(self, store: Store) -> None:
        for key in ("run-1/a", "run-2/a/b", "run-2/c", "file"):
            store.write(key, b"")

        assert store.folders("") == ["run-1", "run-2"]
        assert store.folders("run-2/") == ["a"]
        assert store.folders("nothing/") == []

    @pytest.mark.parametrize(
        "key",
        [
            "a b", "a+b", "a%20b", "a%2Fb", "ünï/漢字", "e\u0301", "😀", "a&b<c>\"'", "q?x=1#h",
            "~a", "a:b", "[0]{1}", "*", "dots..in/...three", ".hidden", "a=b;c,d", "@", "$", "|",
            "/".join(["x" * 127] * 7),
        ],
    )  # fmt: skip
    def test_any_other_key_is_kept_as_it_is(self, store: Store, key: str) -> None:
        store.write(key, b"x")
        store.copy(key, key + "-copy")

        assert [e.key for e in store.scan("")] == sorted([key, key + "-copy"])
        assert store.read(key + "-copy") == b"x"
        store.delete(key)
        assert store.stat(key) is None

    def test_nothing_at_all_can_be_stored(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")

        store.write("a", b"")
        store.put("b", tmp_path / "empty")
        store.fetch("b", tmp_path / "back")

        assert store.read("a") == store.read("b") == (tmp_path / "back").read_bytes() == b""

    def test_missing_keys_are_named(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="nope/x"):
            store.fetch("nope/x", tmp_path / "back")
        with pytest.raises(StorageError, match="nope/x"):
            store.copy("nope/x", "b")
        with pytest.raises(StorageError, match="missing"):
            store.put("a", tmp_path / "missing")

        assert not (tmp_path / "back").exists()
        assert list(store.scan("")) == []

    def test_a_store_travels(self, store: Store) -> None:
        store.write("a", b"x")

        there = pickle.loads(pickle.dumps(store))

        assert there.uri == store.uri
        assert "secret" not in str(pickle.dumps(store))

    def test_many_threads_write_and_read(self, store: Store) -> None:
        def there_and_back(number: int) -> bytes:
            store.write(f"t/{number}", str(number).encode())
            return store.read(f"t/{number}")

        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(there_and_back, range(100)))

        assert found == [str(n).encode() for n in range(100)]
        assert len(list(store.scan("t/"))) == 100


class ObjectStoreContract(StoreContract):
    """What stores elsewhere do besides: digests, parts, and going on after a break."""

    def test_the_digest_is_kept_beside_the_bytes(self, store: Store, tmp_path: Path) -> None:
        digest = hashlib.sha256(b"abc").hexdigest()
        (tmp_path / "abc").write_bytes(b"abc")

        store.write("a", b"abc")
        store.put("b", tmp_path / "abc")
        store.copy("b", "c")

        assert [store.stat(key).digest for key in "abc"] == [digest] * 3
        assert store.fetch("c", tmp_path / "c").digest == digest

    def test_a_large_file_goes_in_parts_and_comes_back(self, store: Store, tmp_path: Path) -> None:
        data = noise(13 * MIB + 5)
        (tmp_path / "large").write_bytes(data)

        store.put("a/large", tmp_path / "large")
        entry = store.fetch("a/large", tmp_path / "back")

        assert (tmp_path / "back").read_bytes() == data
        assert entry.digest == hashlib.sha256(data).hexdigest() == store.stat("a/large").digest
        assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "large"]

    def test_bytes_that_are_not_what_was_recorded_are_refused(
        self, store: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"other bytes")
        store.put("a", tmp_path / "a", digest=hashlib.sha256(b"the bytes").hexdigest())

        with pytest.raises(MismatchError, match="damaged"):
            store.fetch("a", tmp_path / "back")

        assert [p.name for p in tmp_path.iterdir()] == ["a"]

    def test_a_full_page_does_not_end_a_listing(self, store: Store) -> None:
        keys = [f"many/{number:04}" for number in range(1005)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: store.write(key, b""), keys))

        assert [e.key for e in store.scan("many/")] == keys

    def test_a_file_in_the_way_of_a_download_is_replaced(
        self, store: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "back").write_bytes(b"old")
        store.write("a", b"new")

        store.fetch("a", tmp_path / "back")

        assert (tmp_path / "back").read_bytes() == b"new"


def version(store: Store, key: str) -> str:
    """The version that the store tells of a key that is there."""
    entry = store.stat(key)
    assert entry is not None
    assert entry.version
    return entry.version


def noise(size: int) -> bytes:
    """Bytes that repeat nowhere near a part's size, the same at every call."""
    return random.Random(size).randbytes(size)
