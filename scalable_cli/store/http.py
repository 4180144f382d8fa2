"""Plain requests to an object store: one pool of connections, errors in the user's words."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from scalable_cli.errors import StorageError
from scalable_cli.store.faults import Refusal, TransientError, refused, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse, PoolManager

    from scalable_cli.store.options import ObjectOptions

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Request:
    """What is sent, and what the user asked for: `verb` and `shown` are the error's words."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | IO[bytes] | None
    verb: str
    shown: str


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def failure(self, verb: str, shown: str) -> StorageError:
        """The error that this answer means."""
        text = self.body.decode("utf-8", "replace")
        error = refused(Refusal.parse(self.status, text), verb, shown, text)
        after = self.headers.get("retry-after", "")
        if isinstance(error, TransientError) and after.isdigit():
            error.after_s = float(after)
        return error


class Http:
    """A pool of connections, opened with the first request; safe to share between threads."""

    def __init__(self, options: ObjectOptions, environ: Mapping[str, str]) -> None:
        self._options = options
        self._environ = environ
        self._pools: dict[str, PoolManager] = {}

    def send(self, request: Request, *, fine: tuple[int, ...] = (200,)) -> Answer:
        """Send and read the whole answer; raises StorageError for a status not in `fine`."""
        with self._exchange(request) as response:
            answer = _whole(response)
        if answer.status not in fine:
            raise answer.failure(request.verb, request.shown)
        return answer

    def stream(self, request: Request) -> Iterator[bytes]:
        """Send, and give the body as it comes; raises StorageError for any but 200 and 206.

        The request's range header must be answered with just that range.
        """
        with self._exchange(request) as response:
            if response.status not in (200, 206):
                raise _whole(response).failure(request.verb, request.shown)
            span = request.headers["range"].replace("=", " ")
            # `rclone serve s3` sends the range with status 200.
            if not response.headers.get("content-range", "").startswith(f"{span}/"):
                raise StorageError(f'cannot read "{request.shown}": the endpoint knows no ranges')
            yield from response.stream(_CHUNK, decode_content=False)

    @contextlib.contextmanager
    def _exchange(self, request: Request) -> Iterator[BaseHTTPResponse]:
        import urllib3

        origin = "/".join(request.url.split("/", 3)[:3])
        try:
            with self._pool(origin).request(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                retries=False,
                redirect=False,
                preload_content=False,
                enforce_content_length=True,
            ) as response:
                yield response
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason = type(error).__name__
            raise unreachable(request.verb, request.shown, origin, reason) from error

    def _pool(self, origin: str) -> PoolManager:
        if origin not in self._pools:
            self._pools[origin] = self._open(origin)
        return self._pools[origin]

    def _open(self, origin: str) -> PoolManager:
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        import urllib3

        scheme, _, place = origin.partition("://")
        proxies = {
            name.lower().removesuffix("_proxy"): value
            for name, value in self._environ.items()
            if name.lower().endswith("_proxy") and value
        }
        timeout = urllib3.Timeout(
            connect=self._options.connect_timeout_s, read=self._options.read_timeout_s
        )
        settings: dict[str, Any] = {"timeout": timeout, "maxsize": 64, "block": False}
        proxy = proxies.get(scheme)
        if proxy and not proxy_bypass_environment(place, {"no": proxies.get("no", "")}):
            return urllib3.ProxyManager(proxy, **settings)
        return urllib3.PoolManager(**settings)


def _whole(response: BaseHTTPResponse) -> Answer:
    body = response.read(decode_content=False)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, body)
