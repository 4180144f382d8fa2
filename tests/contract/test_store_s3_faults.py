"""What goes wrong between the S3 store and a server: it is tried again, or said clearly."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scalable_cli.errors import StorageError
from scalable_cli.store.address import Address
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.counting import CountingStore
from scalable_cli.store.faults import TransientError
from scalable_cli.store.options import ObjectOptions
from scalable_cli.store.retrying import RetryingStore
from scalable_cli.store.s3 import S3Store
from tests.contract.store_contract import MIB, noise
from tests.fakes.fault_proxy import Fault, FaultProxy, Seen
from tests.servers import ACCESS_KEY, SECRET_KEY, Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.store import Store

pytestmark = pytest.mark.aws

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "scalable-tests"
ONCE = Backoff(tries=1)
QUICK = Backoff(tries=8, first_s=0.01, most_s=0.1)
OPTIONS = ObjectOptions(whole_bytes=5 * MIB, part_bytes=5 * MIB, jobs=4)


@pytest.fixture
def proxy(seaweedfs: Server) -> Iterator[FaultProxy]:
    with FaultProxy(seaweedfs.address) as running:
        yield running


def through(
    proxy: FaultProxy,
    folder: str,
    *,
    backoff: Backoff = QUICK,
    options: ObjectOptions = OPTIONS,
    **environ: str,
) -> Store:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    known = {"AWS_ENDPOINT_URL": proxy.url, **(environ or keys)}
    return RetryingStore(
        S3Store(Address("s3", BUCKET, f"{folder}/"), options, known, backoff), backoff
    )


def s3_error(status: int, code: str, more: str = "") -> Fault:
    return Fault(status, f"<Error><Code>{code}</Code><Message>m</Message>{more}</Error>")


def first(count: int, fault: Fault) -> object:
    """The fault for the first `count` requests, nothing after."""
    left = [fault] * count
    return lambda _: left.pop() if left else None


def test_one_request_in_ten_fails_and_everything_arrives(
    proxy: FaultProxy, folder: str, tmp_path: Path
) -> None:
    dice = random.Random(7)
    kinds = [
        s3_error(503, "SlowDown"), s3_error(500, "InternalError"), Fault(reset=True),
        Fault(cut_at=10), Fault(wait_s=0.05),
    ]  # fmt: skip
    proxy.decide = lambda _: dice.choice(kinds) if dice.random() < 0.1 else None
    store = through(proxy, folder)
    data = noise(32 * MIB)
    (tmp_path / "large").write_bytes(data)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.write(f"s/{n:03}", noise(n * 100)), range(200)))
        back = list(pool.map(lambda n: store.read(f"s/{n:03}"), range(200)))
    store.put("large", tmp_path / "large")
    store.fetch("large", tmp_path / "back")

    assert back == [noise(n * 100) for n in range(200)]
    assert (tmp_path / "back").read_bytes() == data
    assert len(list(store.scan("s/"))) == 200


def test_a_body_changed_on_the_way_up_is_refused_by_the_server(
    proxy: FaultProxy, folder: str, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(noise(11 * MIB))
    proxy.decide = lambda seen: Fault(flip=True) if seen.size > 2 and seen.method == "PUT" else None
    store = through(proxy, folder, backoff=ONCE)

    with pytest.raises(StorageError):
        store.write("small", b"12345")
    with pytest.raises(StorageError):
        store.put("large", tmp_path / "large")

    assert list(store.scan("")) == []


def test_a_body_changed_on_the_way_is_sent_again(proxy: FaultProxy, folder: str) -> None:
    proxy.decide = first(1, Fault(flip=True))
    store = through(proxy, folder)

    store.write("a", b"12345")

    assert store.read("a") == b"12345"


def test_a_lost_answer_does_not_turn_a_won_condition_into_a_lost_one(
    proxy: FaultProxy, folder: str
) -> None:
    lost = [Fault(cut_at=0), Fault(reset=True)]
    store = through(proxy, folder)
    store.write("other", b"")
    proxy.decide = lambda seen: None
    forwarded: list[Seen] = []

    def decide(seen: Seen) -> Fault | None:
        if seen.method == "PUT" and not forwarded:
            forwarded.append(seen)
            return dataclasses.replace(lost[0], wait_s=0.6)
        return None

    proxy.decide = decide
    impatient = dataclasses.replace(OPTIONS, read_timeout_s=0.3)

    assert through(proxy, folder, options=impatient).write("lease", b"me", create_only=True)
    time.sleep(0.5)
    assert not store.write("lease", b"you", create_only=True)


def test_expired_keys_are_asked_for_again(proxy: FaultProxy, folder: str, tmp_path: Path) -> None:
    script = tmp_path / "keys.sh"
    script.write_text(
        f"""#!/bin/sh
        id=OLD secret=x
        [ ! -e {tmp_path}/asked ] || id={ACCESS_KEY} secret={SECRET_KEY}
        touch {tmp_path}/asked
        echo '{{"Version": 1, "AccessKeyId": "'$id'", "SecretAccessKey": "'$secret'",' \\
          '"SessionToken": null, "Expiration": "2099-01-01T00:00:00Z"}}'
        """
    )
    (tmp_path / "config").write_text(f"[profile lab]\ncredential_process = sh {script}\n")
    proxy.decide = lambda seen: (
        s3_error(400, "ExpiredToken") if "Credential=OLD/" in seen.authorization else None
    )
    store = through(
        proxy, folder, AWS_PROFILE="lab", AWS_CONFIG_FILE=str(tmp_path / "config"),
        AWS_REGION="us-east-1",
    )  # fmt: skip

    store.write("a", b"x")

    assert store.read("a") == b"x"
    assert [e.key for e in store.scan("")] == ["a"]


def test_the_region_that_the_store_tells_is_used(proxy: FaultProxy, folder: str) -> None:
    proxy.decide = lambda seen: (
        s3_error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")
        if "/eu-west-1/" not in seen.authorization
        else None
    )
    store = through(proxy, folder)

    store.write("a", b"x")

    assert [e.key for e in store.scan("")] == ["a"]
    assert "/eu-west-1/" in proxy.seen[-1].authorization


@pytest.mark.parametrize(
    ("fault", "text", "hint"),
    [
        (s3_error(403, "AccessDenied"), "access denied", "permission s3:"),
        (s3_error(404, "NoSuchBucket"), f'no bucket "s3://{BUCKET}"', "aws s3 mb"),
        (s3_error(403, "RequestTimeTooSkewed"), "clock", "timedatectl"),
        (s3_error(403, "InvalidAccessKeyId"), "not accepted", "AWS_ACCESS_KEY_ID"),
        (s3_error(400, "ExpiredToken"), "have expired", "aws sso login"),
        (s3_error(503, "SlowDown"), "503 SlowDown", None),
        (Fault(reset=True), "no answer from", "check the network"),
    ],
)  # fmt: skip
def test_what_cannot_be_helped_is_said(
    proxy: FaultProxy, folder: str, tmp_path: Path, fault: Fault, text: str, hint: str | None
) -> None:
    proxy.decide = lambda _: fault
    store = through(proxy, folder, backoff=Backoff(tries=2, first_s=0.01))
    (tmp_path / "large").write_bytes(noise(6 * MIB))

    for work in (
        lambda: store.write("a", b""),
        lambda: store.read("a"),
        lambda: list(store.scan("")),
        lambda: store.put("a", tmp_path / "large"),
        lambda: store.fetch("a", tmp_path / "back"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StorageError) as caught:
            work()
        assert text in caught.value.text
        assert f"s3://{BUCKET}/" in caught.value.text
        assert hint is None or hint in (caught.value.hint or "")
    assert [p.name for p in tmp_path.iterdir()] == ["large"]


def test_a_wrong_secret_is_said(proxy: FaultProxy, folder: str) -> None:
    store = through(proxy, folder, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY="x" * 40)

    with pytest.raises(StorageError, match="not accepted") as caught:
        store.write("a", b"")

    assert "x" * 40 not in str(caught.value)
    assert len(proxy.seen) == 1


def test_no_credentials_is_said(proxy: FaultProxy, folder: str, tmp_path: Path) -> None:
    nothing = str(tmp_path / "none")
    store = through(
        proxy, folder, AWS_CONFIG_FILE=nothing, AWS_SHARED_CREDENTIALS_FILE=nothing,
        AWS_PROFILE="nobody",
    )  # fmt: skip

    for work in (lambda: store.read("a"), lambda: list(store.scan(""))):
        with pytest.raises(StorageError, match="no AWS credentials") as caught:
            work()
        assert caught.value.hint


def test_a_closed_port_is_said(folder: str) -> None:
    environ = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
    }  # fmt: skip
    store = S3Store(Address("s3", BUCKET, ""), OPTIONS, environ, ONCE)

    for work in (lambda: store.read("a"), lambda: list(store.scan(""))):
        with pytest.raises(TransientError, match="no answer from http://127"):
            work()


def test_a_server_that_says_nothing_is_given_up(proxy: FaultProxy, folder: str) -> None:
    proxy.decide = lambda _: Fault(wait_s=5)
    options = dataclasses.replace(OPTIONS, read_timeout_s=0.3)
    store = through(proxy, folder, backoff=ONCE, options=options)
    begun = time.monotonic()

    for work in (lambda: store.read("a"), lambda: list(store.scan(""))):
        with pytest.raises(StorageError, match="no answer"):
            work()

    assert time.monotonic() - begun < 3


def test_requests_are_counted(seaweedfs: Server, folder: str, tmp_path: Path) -> None:
    inner = S3Store(Address("s3", BUCKET, f"{folder}/"), OPTIONS, seaweedfs.environ)
    store = CountingStore(inner, OPTIONS.part_bytes)
    (tmp_path / "large").write_bytes(noise(11 * MIB))

    store.write("a", b"12")
    store.read("a")
    store.put("large", tmp_path / "large")
    store.fetch("large", tmp_path / "back")
    list(store.scan(""))
    store.delete("a")

    asked = store.requests
    assert (asked.writes, asked.reads, asked.lists, asked.deletes) == (6, 4, 1, 1)
    assert asked.bytes_up == asked.bytes_down == 11 * MIB + 2


CHILD = """
import sys
from pathlib import Path
from scalable_cli.store.address import Address
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.options import ObjectOptions
from scalable_cli.store.s3 import S3Store

verb, url, folder, path, state, access, secret = sys.argv[1:]
store = S3Store(
    Address("s3", "scalable-tests", folder + "/"),
    ObjectOptions(whole_bytes=5 << 20, part_bytes=5 << 20, jobs=2, state_folder=Path(state)),
    {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret},
    Backoff(tries=8, first_s=0.01),
)
getattr(store, verb)("large", Path(path))
"""


def child(verb: str, proxy: FaultProxy, folder: str, path: Path, state: Path) -> list[str]:
    return [
        sys.executable, "-c", textwrap.dedent(CHILD), verb, proxy.url, folder, str(path),
        str(state), ACCESS_KEY, SECRET_KEY,
    ]  # fmt: skip


@pytest.mark.parametrize("verb", ["put", "fetch"])
def test_a_killed_transfer_goes_on_in_another_process(
    proxy: FaultProxy, folder: str, tmp_path: Path, verb: str
) -> None:
    data = noise(60 * MIB)
    path, state = tmp_path / "there" / "large", tmp_path / "state"
    path.parent.mkdir()
    if verb == "fetch":
        (tmp_path / "source").write_bytes(data)
        through(proxy, folder).put("large", tmp_path / "source")
    else:
        path.write_bytes(data)
    proxy.seen.clear()
    proxy.decide = lambda _: Fault(wait_s=0.1)

    running = subprocess.Popen(child(verb, proxy, folder, path, state), cwd=ROOT)
    parts = "PUT" if verb == "put" else "GET"
    while sum(seen.method == parts for seen in proxy.seen) < 7:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    proxy.decide = lambda _: None
    proxy.seen.clear()
    subprocess.run(child(verb, proxy, folder, path, state), cwd=ROOT, check=True, timeout=60)

    assert sum(seen.method == parts for seen in proxy.seen) <= 10
    assert path.read_bytes() == data
    assert [p.name for p in path.parent.iterdir()] == ["large"]
    assert list(state.iterdir()) == []
    entry = through(proxy, folder).stat("large")
    assert entry is not None
    assert (entry.size, entry.digest) == (len(data), hashlib.sha256(data).hexdigest())
