"""A run's certificates: who gets in, who does not, and where the keys lie."""

from __future__ import annotations

import asyncio
import stat
import time
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from distributed import Client, Scheduler, Security, Worker
from distributed.comm import connect

from scalable_cli.engine.rundir import RunDirectory
from scalable_cli.engine.tls import make_credentials, secured, security_of, worker_security
from scalable_cli.errors import StorageError
from scalable_cli.host import Host
from scalable_cli.model.launcher import Shape
from scalable_cli.model.manifest import LocalOptions
from scalable_cli.session.crew import open_local
from scalable_cli.store.local import LocalStore

DAY = 86400.0


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(LocalStore(tmp_path), "run-x")
    directory.write_json("run.json", {})
    return directory


def days(pem: str) -> float:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(certificate.public_key().curve, ec.SECP256R1)
    return (
        certificate.not_valid_after_utc - certificate.not_valid_before_utc
    ).total_seconds() / DAY


@pytest.mark.parametrize(("lifetime", "most"), [(None, 7), (3600.0, 1 / 24), (100 * DAY, 7)])
def test_certificates_hold_as_long_as_the_run_may_last(lifetime: float | None, most: float) -> None:
    for credentials in make_credentials("run-x", time.time(), lifetime).values():
        assert days(credentials.certificate) == pytest.approx(most + 2 / 24)
        assert days(credentials.authority) == pytest.approx(most + 2 / 24)


def test_keys_are_the_owners_alone_and_go_with_the_head(run: RunDirectory, tmp_path: Path) -> None:
    folder = tmp_path / "run-x" / "tls"

    with secured(run, time.time(), None):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert sorted(p.name for p in folder.iterdir()) == ["ca.crt", "worker.crt", "worker.key"]
        assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}

    assert not folder.exists()
    with pytest.raises(StorageError):
        worker_security(run)


def test_keys_of_a_head_that_was_killed_are_replaced(run: RunDirectory, tmp_path: Path) -> None:
    killed = secured(run, time.time(), None)
    killed.__enter__()
    before = (tmp_path / "run-x" / "tls" / "worker.key").read_text()

    with secured(run, time.time(), None):
        assert (tmp_path / "run-x" / "tls" / "worker.key").read_text() != before


def test_a_key_is_in_no_text_about_it() -> None:
    credentials = make_credentials("run-x", time.time(), None)["worker"]
    secret = credentials.key.splitlines()[1]

    assert secret not in repr(credentials)
    assert secret not in repr(security_of(credentials))


def test_workers_and_clients_of_the_run_get_in(run: RunDirectory) -> None:
    async def meet() -> int:
        with secured(run, time.time(), None) as security:
            async with (
                scheduler_with(security) as scheduler,
                Worker(scheduler.address, security=worker_security(run), dashboard=False),
                Client(scheduler.address, security=security, asynchronous=True) as client,
            ):
                assert scheduler.address.startswith("tls://")
                answer: int = await client.submit(sum, (1, 2))
                return answer

    assert asyncio.run(meet()) == 3


@pytest.mark.parametrize("kind", ["none", "another run's"])
def test_whoever_lacks_the_certificates_is_refused(run: RunDirectory, kind: str) -> None:
    strange = Security()
    if kind != "none":
        strange = security_of(make_credentials("run-y", time.time(), None)["worker"])

    async def meet() -> None:
        with secured(run, time.time(), None) as security:
            async with scheduler_with(security) as scheduler:
                plain = scheduler.address.replace("tls://", "tcp://")
                for address in (scheduler.address, plain):
                    for role in ("client", "worker"):
                        with pytest.raises((OSError, RuntimeError, TypeError)):
                            await connect(address, 2, **strange.get_connection_args(role))

    asyncio.run(meet())


def test_a_scheduler_without_the_certificates_does_not_start() -> None:
    async def start() -> None:
        await Scheduler(
            host="127.0.0.1", port=0, dashboard=False, security=Security(require_encryption=True)
        )

    with pytest.raises((RuntimeError, ValueError, TypeError)):
        asyncio.run(start())


def test_local_worker_processes_need_the_certificates(run: RunDirectory) -> None:
    options = LocalOptions(1, processes=True)
    shape = Shape(1, 1, Decimal(1), 1 << 30)

    with open_local(options, shape, run, Host.current()) as client:
        assert client.submit(sum, (1, 2)).result() == 3
        addresses = [client.scheduler.address, *client.scheduler_info()["workers"]]
        assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
        for address in addresses:
            with pytest.raises((OSError, RuntimeError, TypeError)):
                asyncio.run(call(address, Security()))


async def call(address: str, security: Security) -> None:
    await connect(address, 2, **security.get_connection_args("client"))


def scheduler_with(security: Security) -> Scheduler:
    return Scheduler(
        host="127.0.0.1", port=0, protocol="tls://", dashboard_address=":0", security=security
    )
