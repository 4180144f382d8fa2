"""Which bucket and prefix an address names, and which keys are valid below it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scalable_cli.errors import StorageError

# Both S3 and GCS: UTF-8 bytes of an object's whole name.
LONGEST_NAME = 1024

# Bucket names of both providers; GCS also knows underscores and names of domains.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Address:
    """`s3://bucket/prefix`; the prefix is empty or ends in "/"."""

    scheme: str
    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """The address without a trailing slash."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")

    def name(self, key: str) -> str:
        """The object's name in the bucket; raises StorageError for a key that is not valid."""
        check_key(key)
        name = self.prefix + key
        if len(name.encode()) > LONGEST_NAME:
            raise StorageError(
                f'"{name[:60]}…" is too long a name for an object',
                hint=f"an object's whole name has at most {LONGEST_NAME} bytes",
            )
        return name

    def shown(self, key: str) -> str:
        """The key as the user writes it: a whole address."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}{key}"


def parse_address(text: str) -> Address:
    """The address that `text` is; raises StorageError when it is none."""
    scheme, separator, rest = text.partition("://")
    bucket, _, prefix = rest.partition("/")
    if not separator or scheme not in ("s3", "gs") or not _BUCKET.fullmatch(bucket):
        raise StorageError(
            f'"{text}" is not the address of a bucket', hint="write s3://bucket/prefix or gs://…"
        )
    prefix = prefix.strip("/")
    if prefix:
        check_key(prefix)
    return Address(scheme, bucket, f"{prefix}/" if prefix else "")


def check_key(key: str) -> None:
    """Raise StorageError for a key that could escape, or that a store cannot keep."""
    if is_key(key):
        return
    if _CONTROL.search(key):
        raise StorageError(
            f"{key!r} is not a valid key: it has a control character",
            hint="rename the file",
            lasting=True,
        )
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise StorageError(
            f"{key!r} is not a valid key: it is not UTF-8", hint="rename the file", lasting=True
        ) from error
    hint = "use a relative path without .."
    raise StorageError(f'"{key}" is not a valid key', hint=hint, lasting=True)


def is_key(key: str) -> bool:
    """Whether a store may keep `key`."""
    if not key or key[0] == "/" or key[-1] == "/" or "//" in key or _CONTROL.search(key):
        return False
    if "." in key and not _DOTS.isdisjoint(key.split("/")):
        return False
    return key.isascii() or key.encode("utf-8", "ignore").decode() == key


_DOTS = {".", ".."}
