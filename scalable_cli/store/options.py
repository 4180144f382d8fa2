"""How an object store is reached; travels to workers with the address, without credentials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True)
class ObjectOptions:
    """What can be said about a bucket; None leaves it to the environment or the provider.

    `requester_pays` is the paying project's id on GCS and any text on S3. `state_folder` keeps
    what a broken transfer needs to go on in another process; without it, it starts again.
    """

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    requester_pays: str | None = None
    kms_key: str | None = None
    anonymous: bool = False
    state_folder: Path | None = None
    # A file above `whole_bytes` goes up and comes down in parts, `jobs` of them at a time over
    # all files; the first answer of a download then is its first part.
    whole_bytes: int = 8 * MIB
    part_bytes: int = 8 * MIB
    jobs: int = 8
    connect_timeout_s: float = 10
    read_timeout_s: float = 120

    def travelling(self) -> ObjectOptions:
        """What another machine can use."""
        return replace(self, state_folder=None)

    def part_size(self, size_bytes: int) -> int:
        """The size of each part but the last: at most 10,000 parts (S3 and GCS), whole MiB."""
        least = -(-size_bytes // 10_000)
        return max(self.part_bytes, -(-least // MIB) * MIB)


def s3_endpoint(options: ObjectOptions, environ: Mapping[str, str]) -> str | None:
    """The endpoint to use instead of Amazon's; this machine's environment goes first."""
    found = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        found = None
    found = found or options.endpoint
    return found.rstrip("/") if found else None


def gcs_endpoint(options: ObjectOptions, environ: Mapping[str, str]) -> str | None:
    """The endpoint to use instead of Google's; a host alone is reached by plain HTTP."""
    found = environ.get("STORAGE_EMULATOR_HOST") or options.endpoint
    if not found:
        return None
    return (found if "://" in found else f"http://{found}").rstrip("/")
