"""What goes wrong between the GCS store and a strict server: tried again, or said clearly."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import pytest

from scalable_cli.errors import StorageError
from scalable_cli.store.address import Address
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.credentials_gcp import GoogleCredentials, Token
from scalable_cli.store.gcs import GcsStore
from scalable_cli.store.options import ObjectOptions
from scalable_cli.store.retrying import RetryingStore
from tests.contract.store_contract import MIB, noise
from tests.fakes.fault_proxy import Fault, FaultProxy, Seen
from tests.fakes.gcs_strict import StrictGcs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scalable_cli.model.store import Store

pytestmark = pytest.mark.gcp

QUICK = Backoff(tries=8, first_s=0.01, most_s=0.1)
ONCE = Backoff(tries=1)
OPTIONS = ObjectOptions(whole_bytes=1 * MIB, part_bytes=1 * MIB, jobs=4)


class Tokens(GoogleCredentials):
    """Credentials whose tokens are "t0", "t1", …: a new one when it was dropped."""

    def __init__(self) -> None:
        super().__init__({})
        self.number = 0
        self.dropped = False

    def token(self) -> Token:
        self.number += self.dropped
        self.dropped = False
        return Token(f"t{self.number}")

    def drop(self) -> None:
        self.dropped = True


@pytest.fixture
def gcs() -> Iterator[StrictGcs]:
    with StrictGcs() as server:
        server.buckets["lab"] = {}
        yield server


@pytest.fixture
def proxy(gcs: StrictGcs) -> Iterator[FaultProxy]:
    host, _, port = gcs.url.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as running:
        yield running


def opened(
    url: str,
    bucket: str = "lab",
    *,
    backoff: Backoff = QUICK,
    options: ObjectOptions = OPTIONS,
    credentials: GoogleCredentials | None = None,
) -> Store:
    environ = {"STORAGE_EMULATOR_HOST": url}
    inner = GcsStore(Address("gs", bucket, ""), options, environ, backoff, credentials)
    return RetryingStore(inner, backoff)


def test_busy_answers_are_tried_again(gcs: StrictGcs, tmp_path: Path) -> None:
    store, data = opened(gcs.url), noise(3 * MIB)
    (tmp_path / "large").write_bytes(data)

    for work in (
        lambda: store.write("a", b"1"),
        lambda: store.put("large", tmp_path / "large"),
        lambda: store.fetch("large", tmp_path / "back"),
        lambda: store.copy("a", "b"),
        lambda: list(store.scan("")),
    ):
        gcs.faults = [503, 429, 500]
        work()

    assert gcs.faults == []
    assert (tmp_path / "back").read_bytes() == data
    assert [e.key for e in store.scan("")] == ["a", "b", "large"]


def test_a_body_changed_on_the_way_up_is_refused(
    gcs: StrictGcs, proxy: FaultProxy, tmp_path: Path
) -> None:
    # The resumable session of a changed body is refused as a whole at its end.
    proxy.decide = lambda seen: Fault(flip=True) if seen.method == "PUT" else None
    store = opened(proxy.url, backoff=ONCE)
    (tmp_path / "large").write_bytes(noise(3 * MIB))

    with pytest.raises(StorageError):
        store.put("large", tmp_path / "large")

    assert list(store.scan("")) == []


def test_a_token_that_is_not_accepted_any_more_is_replaced(gcs: StrictGcs, tmp_path: Path) -> None:
    credentials = Tokens()
    store = opened(gcs.url, credentials=credentials)
    (tmp_path / "large").write_bytes(noise(3 * MIB))

    for number, work in enumerate(
        (
            lambda: store.write("a", b"1"),
            lambda: store.read("a"),
            lambda: list(store.scan("")),
            lambda: store.put("large", tmp_path / "large"),
            lambda: store.fetch("large", tmp_path / "back"),
        ),
        1,
    ):
        gcs.tokens = {f"t{number}"}
        work()

    assert credentials.number == 5


def test_a_broken_upload_goes_on_where_it_stopped(
    gcs: StrictGcs, proxy: FaultProxy, tmp_path: Path
) -> None:
    data = noise(6 * MIB)
    (tmp_path / "large").write_bytes(data)
    options = dataclasses.replace(OPTIONS, state_folder=tmp_path / "state")
    gcs.log.clear()

    with pytest.raises(StorageError):
        failing(gcs, after=3, store=opened(gcs.url, options=options, backoff=ONCE)).put(
            "large", tmp_path / "large"
        )
    sent = len([1 for method, _ in gcs.log if method == "PUT"])
    gcs.faults = []
    gcs.log.clear()
    opened(gcs.url, options=options).put("large", tmp_path / "large")

    # One request asks how much there is, the others send what is missing.
    assert len([1 for method, _ in gcs.log if method == "PUT"]) == 1 + 6 - (sent - 1)
    assert len([1 for method, _ in gcs.log if method == "POST"]) == 0
    assert gcs.buckets["lab"]["large"].data == data
    assert opened(gcs.url).stat("large").digest == hashlib.sha256(data).hexdigest()
    assert list((tmp_path / "state").iterdir()) == []


def failing(gcs: StrictGcs, *, after: int, store: Store) -> Store:
    """Let the server refuse everything after this many parts of an upload."""

    class Faults(list[int]):
        def __bool__(self) -> bool:
            return len([1 for method, _ in gcs.log if method == "PUT"]) > after

        def pop(self, _: int = 0) -> int:  # type: ignore[override]
            return 503

    gcs.faults = Faults()
    return store


def test_a_session_that_is_gone_is_begun_anew(gcs: StrictGcs, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(noise(6 * MIB))
    options = dataclasses.replace(OPTIONS, state_folder=tmp_path / "state")
    with pytest.raises(StorageError):
        failing(gcs, after=3, store=opened(gcs.url, options=options, backoff=ONCE)).put(
            "large", tmp_path / "large"
        )
    gcs.faults = []
    gcs.sessions.clear()

    opened(gcs.url, options=options).put("large", tmp_path / "large")

    assert gcs.buckets["lab"]["large"].data == noise(6 * MIB)


def test_a_file_that_changes_meanwhile_is_not_stored(gcs: StrictGcs, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(noise(3 * MIB))
    host, _, port = gcs.url.removeprefix("http://").partition(":")

    def touch(seen: Seen) -> Fault | None:
        if "uploadType=resumable" in seen.path:
            with path.open("ab") as file:
                file.write(b"more")
        return None

    with FaultProxy((host, int(port))) as proxy:
        proxy.decide = touch
        with pytest.raises(StorageError, match="changed while it was read"):
            opened(proxy.url).put("large", path)

    assert gcs.buckets["lab"] == {}


@pytest.mark.parametrize(
    ("bucket", "faults", "text", "hint"),
    [
        ("none", [], 'no bucket "gs://none"', "gcloud storage buckets create"),
        ("lab", [403] * 9, "access denied", "permission storage.objects."),
        ("lab", [503] * 9, "503", None),
        ("lab", [401] * 9, "have expired", "gcloud auth"),
    ],
)
def test_what_cannot_be_helped_is_said(
    gcs: StrictGcs, tmp_path: Path, bucket: str, faults: list[int], text: str, hint: str | None
) -> None:
    store = opened(gcs.url, bucket, backoff=Backoff(tries=2, first_s=0.01))
    (tmp_path / "large").write_bytes(noise(2 * MIB))

    for work in (
        lambda: store.write("a", b""),
        lambda: list(store.scan("")),
        lambda: store.put("a", tmp_path / "large"),
        lambda: store.read("a"),
        lambda: store.fetch("a", tmp_path / "back"),
        lambda: store.delete("a"),
    ):
        gcs.faults = list(faults)
        with pytest.raises(StorageError) as caught:
            work()
        assert text in caught.value.text
        assert hint is None or hint in (caught.value.hint or "")
    assert [p.name for p in tmp_path.iterdir()] == ["large"]


def test_no_credentials_is_said(tmp_path: Path) -> None:
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")}
    store = GcsStore(Address("gs", "lab", ""), OPTIONS, environ, ONCE)

    for work in (lambda: store.read("a"), lambda: list(store.scan(""))):
        with pytest.raises(StorageError, match="no Google credentials") as caught:
            work()
        assert "gcloud auth" in (caught.value.hint or "")
