"""The S3 store keeps the promises of the protocol on several servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scalable_cli.store.address import Address
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.options import ObjectOptions
from scalable_cli.store.retrying import RetryingStore
from scalable_cli.store.s3 import S3Store
from tests.contract.store_contract import MIB, ObjectStoreContract

if TYPE_CHECKING:
    from scalable_cli.model.store import Store
    from tests.servers import Server

pytestmark = pytest.mark.aws

# Parts as small as S3 allows, so that tests need few bytes.
BUCKET = "scalable-tests"
QUICK = Backoff(tries=4, first_s=0.05, most_s=0.5)
OPTIONS = ObjectOptions(whole_bytes=5 * MIB, part_bytes=5 * MIB, jobs=4)


def open_store(server: Server, folder: str) -> Store:
    address = Address("s3", BUCKET, f"{folder}/")
    return RetryingStore(S3Store(address, OPTIONS, server.environ, QUICK), QUICK)


class TestSeaweedFS(ObjectStoreContract):
    @pytest.fixture
    def store(self, seaweedfs: Server, folder: str) -> Store:
        return open_store(seaweedfs, folder)

    def test_only_the_environment_that_was_given_counts(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
        monkeypatch.setenv("AWS_REGION", "mars-north-1")

        store.write("a", b"x")

        assert store.read("a") == b"x"
        assert [e.key for e in store.scan("")] == ["a"]


class TestMoto(ObjectStoreContract):
    """A thousand requests take it eight seconds."""

    test_a_full_page_does_not_end_a_listing = None

    @pytest.fixture
    def store(self, moto: Server, folder: str) -> Store:
        return open_store(moto, folder)


class TestRclone(ObjectStoreContract):
    """It takes every conditional write and keeps no metadata of copies."""

    test_create_only_keeps_the_first = None
    test_a_condition_on_the_version_has_one_winner = None

    @pytest.fixture
    def store(self, rclone_s3: Server, folder: str) -> Store:
        return open_store(rclone_s3, folder)
