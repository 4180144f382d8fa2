"""The GCS store keeps the promises of the protocol on both fakes."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from scalable_cli.store.address import Address
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.gcs import GcsStore
from scalable_cli.store.options import ObjectOptions
from scalable_cli.store.retrying import RetryingStore
from tests.contract.store_contract import MIB, ObjectStoreContract
from tests.fakes.gcs_strict import StrictGcs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.store import Store
    from tests.servers import Server

pytestmark = pytest.mark.gcp

BUCKET = "scalable-tests"
QUICK = Backoff(tries=4, first_s=0.05, most_s=0.5)
OPTIONS = ObjectOptions(whole_bytes=1 * MIB, part_bytes=1 * MIB, jobs=4)


def open_store(url: str, folder: str, options: ObjectOptions = OPTIONS) -> Store:
    environ = {"STORAGE_EMULATOR_HOST": url}
    address = Address("gs", BUCKET, f"{folder}/")
    return RetryingStore(GcsStore(address, options, environ, QUICK), QUICK)


def make_bucket(url: str) -> None:
    body = json.dumps({"name": BUCKET}).encode()
    headers = {"content-type": "application/json"}
    asked = urllib.request.Request(f"{url}/storage/v1/b?project=tests", body, headers)
    urllib.request.urlopen(asked).close()


@pytest.fixture(scope="session")
def strict_gcs() -> Iterator[StrictGcs]:
    with StrictGcs() as server:
        make_bucket(server.url)
        yield server


@pytest.fixture(scope="session")
def lenient_gcs(fake_gcs: Server) -> str:
    make_bucket(fake_gcs.url)
    return fake_gcs.url


class TestFakeGcsServer(ObjectStoreContract):
    """It takes every conditional write and forgets metadata when it gives the bytes."""

    test_create_only_keeps_the_first = None
    test_a_condition_on_the_version_has_one_winner = None
    test_bytes_that_are_not_what_was_recorded_are_refused = None

    @pytest.fixture
    def store(self, lenient_gcs: str, folder: str) -> Store:
        return open_store(lenient_gcs, folder)


class TestStrictGcs(ObjectStoreContract):
    @pytest.fixture
    def store(self, strict_gcs: StrictGcs, folder: str) -> Store:
        return open_store(strict_gcs.url, folder)
