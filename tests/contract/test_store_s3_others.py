"""Other tools read what the S3 store wrote, and it reads what they wrote."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from scalable_cli.store.remote import open_remote
from tests.contract.store_contract import MIB, noise
from tests.servers import BUCKET, REGION, Server, program

if TYPE_CHECKING:
    from pathlib import Path

    from scalable_cli.model.store import Store

pytestmark = pytest.mark.aws


@pytest.fixture
def store(seaweedfs: Server, folder: str) -> Store:
    return open_remote(f"s3://{BUCKET}/{folder}", seaweedfs.environ)[0]


def copy(tool: str, server: Server, source: str, target: str, home: Path) -> None:
    """Copy all of a folder or prefix (both end in "/") with `tool`."""
    environ = {**server.environ, "HOME": str(home), "RCLONE_S3_ENDPOINT": server.url}
    if tool == "rclone":
        remote = f":s3,provider=SeaweedFS,env_auth=true,region={REGION}:"
        words = [word.replace("s3://", remote) for word in (source, target)]
        argv = [program("rclone"), "copy", "--config", "", *words]
    else:
        whole = f"{source}*" if source.startswith("s3:") else source
        argv = [program("s5cmd"), "--endpoint-url", server.url, "cp", whole, target]
    subprocess.run(argv, env=environ, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("tool", ["rclone", "s5cmd"])
def test_bytes_go_both_ways(tool: str, store: Store, seaweedfs: Server, tmp_path: Path) -> None:
    files = {"small.txt": b"1", "a b/ü+%20.bin": noise(3000), "large": noise(17 * MIB)}
    for name, data in files.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        store.put(f"ours/{name}", path)

    copy(tool, seaweedfs, f"{store.uri}/ours/", f"{tmp_path}/theirs/", tmp_path)
    copy(tool, seaweedfs, f"{tmp_path}/files/", f"{store.uri}/theirs/", tmp_path)

    for name, data in files.items():
        assert (tmp_path / "theirs" / name).read_bytes() == data
        store.fetch(f"theirs/{name}", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data
    assert [e.key for e in store.scan("theirs/")] == sorted(f"theirs/{name}" for name in files)
