"""Time 2,000 files of 64 KiB up and down through our store, s5cmd and rclone: one run, one server.

usage: python tests/bench/bench_stores.py [FILES] [BYTES]     (s5cmd and rclone on PATH)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests import servers  # noqa: E402

OURS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from scalable_cli.store.remote import open_remote

verb, uri, folder, threads = sys.argv[1:]
store, _ = open_remote(uri)
folder = Path(folder)
if verb == "up":
    work = [(lambda p=p: store.put(p.name, p)) for p in sorted(folder.iterdir())]
else:
    work = [(lambda e=e: store.fetch(e.key, folder / e.key)) for e in store.scan("")]
with ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(lambda call: call(), work))
"""
RCLONE = [
    "--transfers", "32", "--checkers", "32", "--s3-upload-concurrency", "8", "--s3-chunk-size",
    "32M", "--s3-disable-checksum", "--s3-no-check-bucket", "--s3-no-head", "--fast-list",
    "--multi-thread-streams", "8", "--buffer-size", "0", "--ignore-checksum", "--config", "",
]  # fmt: skip


def main() -> None:
    count, size = (int(word) for word in [*sys.argv[1:], "2000", "65536"][:2])
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        make(folder / "data", count, size)
        (folder / "server").mkdir()
        with servers.rclone_s3(folder / "server") as server:
            servers.make_bucket(server)
            os.environ |= {**server.environ, "RCLONE_S3_ENDPOINT": server.url}
            for turn in range(2):
                for tool, verb, argv in calls(server.url, folder, turn):
                    measure(tool, verb, argv, count * size)


def calls(url: str, folder: Path, turn: int) -> list[tuple[str, str, list[str]]]:
    source, bucket = str(folder / "data"), f"s3://{servers.BUCKET}"
    remote = f":s3,provider=Other,env_auth=true:{servers.BUCKET}"
    found = []
    for tool in ("ours", "s5cmd", "rclone"):
        back = folder / f"back-{tool}-{turn}"
        back.mkdir()
        place = f"{tool}-{turn}"
        s5 = ["s5cmd", "--endpoint-url", url, "--numworkers", "64", "cp"]
        up = {
            "ours": [sys.executable, "-c", OURS, "up", f"{bucket}/{place}", source, "24"],
            "s5cmd": [*s5, f"{source}/", f"{bucket}/{place}/"],
            "rclone": ["rclone", "copy", source, f"{remote}/{place}", *RCLONE],
        }
        down = {
            "ours": [sys.executable, "-c", OURS, "down", f"{bucket}/{place}", str(back), "24"],
            "s5cmd": [*s5, f"{bucket}/{place}/*", f"{back}/"],
            "rclone": ["rclone", "copy", f"{remote}/{place}", str(back), *RCLONE],
        }
        found += [(tool, "up", up[tool]), (tool, "down", down[tool])]
    return found


def make(folder: Path, count: int, size: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"file-{number:05}").write_bytes(os.urandom(size))


def measure(tool: str, verb: str, argv: list[str], total: int) -> None:
    begun = time.monotonic()
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - begun
    cpu = used.ru_utime + used.ru_stime
    print(
        f"{tool:7} {verb:5} {wall:6.2f} s wall  {cpu:6.2f} s CPU  {total / wall / 1e6:6.0f} MB/s  "
        f"{used.ru_maxrss / 1024:5.0f} MiB{'' if status == 0 else '  FAILED'}",
        flush=True,
    )


if __name__ == "__main__":
    main()
