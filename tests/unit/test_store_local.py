"""The local store keeps the promises of the protocol."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from scalable_cli.errors import StorageError
from scalable_cli.model.store import Store
from scalable_cli.store.local import LocalStore
from tests.contract.store_contract import StoreContract


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
