"""The store at `s3://…` or `gs://…`, with retries around it and a count of its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.store.address import parse_address
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.counting import CountingStore
from scalable_cli.store.options import ObjectOptions
from scalable_cli.store.retrying import RetryingStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scalable_cli.model.store import Store
    from scalable_cli.store.counting import Requests


def open_remote(
    uri: str, environ: Mapping[str, str] | None = None, options: ObjectOptions | None = None
) -> tuple[Store, Requests]:
    """The store at `uri` and the live count of what it is asked; no request is made yet.

    `environ` is this process's when not given. Raises StorageError when `uri` is no address.
    """
    address, options, backoff = parse_address(uri), options or ObjectOptions(), Backoff()
    if address.scheme == "s3":
        from scalable_cli.store.s3 import S3Store

        inner: Store = S3Store(address, options, environ, backoff)
    else:
        from scalable_cli.store.gcs import GcsStore

        inner = GcsStore(address, options, environ, backoff)
    counting = CountingStore(inner, options.part_bytes)
    return RetryingStore(counting, backoff), counting.requests
