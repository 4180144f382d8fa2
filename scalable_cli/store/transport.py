"""Bytes of single objects through obstore; its errors become those of `faults`."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from scalable_cli.errors import StorageError
from scalable_cli.model.artifact import Entry
from scalable_cli.store.faults import Refusal, refused, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scalable_cli.store.options import ObjectOptions

T = TypeVar("T")

# The object's metadata with its SHA-256, as both providers keep it.
DIGEST = "scalable-sha256"

_STATUS = re.compile(r"non-2xx status code: (\d{3})[^:]*: ?(.*?)\s*\n\nDebug source:", re.DOTALL)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Got:
    """An answer whose bytes are still to come; `size` is the object's, not the range's."""

    entry: Entry
    chunks: Iterator[bytes]


def client_options(options: ObjectOptions, headers: Mapping[str, str]) -> Any:
    """What obstore's HTTP client is told; the retries are not its business."""
    return {
        "allow_http": True,
        "connect_timeout": timedelta(seconds=options.connect_timeout_s),
        # Also the longest that an upload of `whole_bytes` may take.
        "read_timeout": timedelta(seconds=options.read_timeout_s),
        "timeout": timedelta(hours=12),
        "default_headers": dict(headers),
    }


class Transport:
    """Get and put through one obstore client, made with the first request."""

    def __init__(self, connect: Callable[[], Any], endpoint: str) -> None:
        self._connect = connect
        self._endpoint = endpoint
        self._client: Any = None
        self._cause: StorageError | None = None

    def get(
        self,
        name: str,
        shown: str,
        span: tuple[int, int] | None = None,
        condition: Mapping[str, str] | None = None,
    ) -> Got:
        """Begin to read `name`, or the bytes of `span` (start, end); raises StorageError.

        `condition` is obstore's: `if_match` (an ETag) or `version` (a generation).
        """
        import obstore

        options: Any = dict(condition or {})
        if span:
            options["range"] = span
        with self._translated("read", shown):
            answer = obstore.get(self._open(), name, options=options or None)
            return Got(_entry(answer, name), self._chunks(answer, shown))

    def head(self, name: str, shown: str) -> Entry:
        """What is known of `name` without its bytes; raises MissingKeyError."""
        import obstore

        with self._translated("read", shown):
            return _entry(obstore.get(self._open(), name, options={"head": True}), name)

    def put(self, name: str, shown: str, data: bytes, **settings: Any) -> str:
        """Store `data`; the version it got. `settings` are obstore's mode and attributes."""
        import obstore

        with self._translated("write", shown):
            done = obstore.put(self._open(), name, data, use_multipart=False, **settings)
        return str(done.get("version") or done.get("e_tag") or "")

    def provided(self, give: Callable[[], T]) -> T:
        """What `give` gives; its StorageError, which obstore would turn into text, is kept."""
        try:
            return give()
        except StorageError as error:
            self._cause = error
            raise

    def _open(self) -> Any:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _chunks(self, answer: Any, shown: str) -> Iterator[bytes]:
        with self._translated("read", shown):
            if answer.meta["size"] <= _CHUNK:
                yield answer.bytes().to_bytes()
            else:
                yield from answer.stream(min_chunk_size=_CHUNK)

    @contextlib.contextmanager
    def _translated(self, verb: str, shown: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise self._error(error, verb, shown) from error

    def _error(self, error: Exception, verb: str, shown: str) -> StorageError:
        text = str(error)
        found = _STATUS.search(text)
        if found:
            body = found[2]
            return refused(Refusal.parse(int(found[1]), body), verb, shown, body)
        cause, self._cause = self._cause, None
        if cause is not None and "credential provider" in text:
            return cause
        return unreachable(verb, shown, self._endpoint, _reason(text))


def _entry(answer: Any, name: str) -> Entry:
    meta = answer.meta
    version = meta.get("version") or meta.get("e_tag") or ""
    digest = answer.attributes.get(DIGEST)
    return Entry(name, meta["size"], meta["last_modified"].timestamp(), version, digest)


def _reason(text: str) -> str:
    """The last cause in obstore's chain of causes."""
    if "TimedOut" in text or "operation timed out" in text:
        return "timed out"
    named = re.findall(r'(?:message|error): "([^"]+)"', text)
    return named[-1] if named else text.partition("\n")[0].rpartition(": ")[2] or "broken"
