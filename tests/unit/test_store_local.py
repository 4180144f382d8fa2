"""The local store keeps the promises of the protocol."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from scalable_cli.errors import StorageError
from scalable_cli.model.store import Store
from scalable_cli.store.local import LocalStore


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

    @pytest.mark.parametrize("key", ["", "../x", "/x", "a//b", "a/../b", "a\0b", "."])
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


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LocalStore(tmp_path / "store")

    def test_half_written_files_are_not_listed(self, store: Store, tmp_path: Path) -> None:
        store.write("a", b"x")
        (tmp_path / "store" / ".tmp-123").write_bytes(b"half")

        assert [e.key for e in store.scan("")] == ["a"]

    def test_a_file_in_the_way_is_a_storage_error_with_a_hint(self, tmp_path: Path) -> None:
        (tmp_path / "store").write_text("")

        with pytest.raises(StorageError) as caught:
            LocalStore(tmp_path / "store").write("a", b"x")

        assert caught.value.hint

    def test_create_only_has_one_winner_among_many_writers(self, store: Store) -> None:
        won: list[int] = []
        barrier = threading.Barrier(8)

        def write(number: int) -> None:
            barrier.wait()
            if store.write("lease", str(number).encode(), create_only=True):
                won.append(number)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [str(n).encode() for n in won] == [store.read("lease")]

    def test_a_folder_removed_meanwhile_is_made_again(self, store: Store, tmp_path: Path) -> None:
        store.write("d/a", b"1")
        store.delete("d/a")
        os.rmdir(tmp_path / "store" / "d")

        store.write("d/b", b"2")

        assert store.read("d/b") == b"2"
