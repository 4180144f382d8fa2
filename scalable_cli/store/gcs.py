"""A store in a bucket of Google Cloud Storage."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from scalable_cli.host import own_environ
from scalable_cli.store.address import Address, is_key
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.credentials_gcp import GoogleCredentials
from scalable_cli.store.download import Download
from scalable_cli.store.faults import ConditionError, ExpiredError, MissingKeyError
from scalable_cli.store.gcs_requests import GOOGLE, GcsRequests
from scalable_cli.store.http import Http
from scalable_cli.store.options import ObjectOptions, gcs_endpoint
from scalable_cli.store.parts import Workers
from scalable_cli.store.resumable_gcs import ResumableUpload
from scalable_cli.store.transport import Transport, client_options
from scalable_cli.store.upload import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scalable_cli.model.artifact import Entry


class GcsStore:
    """Keys are objects below the address; nothing is opened before the first request.

    Every request may raise a TransientError: wrap it (`retrying`). Writes go through the JSON
    API with a checksum that the server verifies; versions are generations.
    """

    def __init__(
        self,
        address: Address,
        options: ObjectOptions | None = None,
        environ: Mapping[str, str] | None = None,
        backoff: Backoff | None = None,
        credentials: GoogleCredentials | None = None,
    ) -> None:
        self._address = address
        self._options = options or ObjectOptions()
        self._environ = own_environ() if environ is None else environ
        self._backoff = backoff or Backoff()
        self._endpoint = gcs_endpoint(self._options, self._environ)
        # An emulator knows no credentials; asking for some would reach for Google's servers.
        anonymous = self._options.anonymous or self._endpoint is not None
        self._credentials = credentials or GoogleCredentials(self._environ, anonymous=anonymous)
        self._workers = Workers(self._options.jobs)
        self._http = Http(self._options, self._environ)
        self._transport_now: Transport | None = None

    def __reduce__(self) -> tuple[type[GcsStore], tuple[object, ...]]:
        """Travel as address and options: the other machine has credentials of its own."""
        options = replace(self._options.travelling(), endpoint=self._endpoint)
        return GcsStore, (self._address, options, None, self._backoff)

    @property
    def uri(self) -> str:
        """`gs://bucket/prefix`."""
        return self._address.uri

    def scan(self, prefix: str) -> Iterator[Entry]:
        """Every key that starts with `prefix`, sorted; names that are no keys are passed over."""
        cut = len(self._address.prefix)
        for entries, _ in self._pages(prefix, {}):
            for entry in entries:
                key = entry.key[cut:]
                if is_key(key):
                    yield replace(entry, key=key)

    def folders(self, prefix: str) -> list[str]:
        """The names directly below `prefix` that hold keys, sorted."""
        cut = len(self._address.prefix) + len(prefix)
        pages = self._pages(prefix, {"delimiter": "/"})
        names = {name[cut:-1] for _, prefixes in pages for name in prefixes}
        return sorted(name for name in names if is_key(name))

    def read(self, key: str) -> bytes:
        """All bytes of `key`."""
        name, shown = self._named(key)
        with self._learning():
            return b"".join(self._transport().get(name, shown).chunks)

    def write(
        self, key: str, data: bytes, *, create_only: bool = False, if_version: str | None = None
    ) -> bool:
        """Replace `key` with `data`; False when the condition does not hold."""
        condition = {}
        if create_only:
            condition = {"ifGenerationMatch": "0"}
        elif if_version is not None:
            condition = {"ifGenerationMatch": if_version}
        try:
            self._insert(key, data, hashlib.sha256(data).hexdigest(), condition)
        except ConditionError:
            return False
        return True

    def stat(self, key: str) -> Entry | None:
        """The entry of `key` with the digest recorded at its upload, or None."""
        name, shown = self._named(key)
        with self._learning():
            try:
                return replace(self._requests().stat(name, shown), key=key)
            except MissingKeyError:
                return None

    def delete(self, key: str) -> None:
        """Remove `key`; a missing key is fine."""
        from scalable_cli.store.gcs_requests import object_path

        name, shown = self._named(key)
        with self._learning(), contextlib.suppress(MissingKeyError):
            self._requests().send(
                "DELETE", object_path(name), {}, ("delete", shown), fine=(200, 204)
            )

    def put(
        self,
        key: str,
        path: Path,
        *,
        move: bool = False,  # noqa: ARG002
        digest: str | None = None,
    ) -> None:
        """Upload the file, resumably when it is large; it stays where it is, `move` or not."""
        name, shown = self._named(key)
        with Source(path) as source:
            if source.size <= self._options.whole_bytes:
                data = source.read(0, source.size)
                source.check()
                self._insert(key, data, digest or hashlib.sha256(data).hexdigest(), {})
                return
        with self._learning():
            upload = ResumableUpload(self._requests(), name, shown, self._kms())
            upload.run(path, digest, self._options, self._backoff)

    def fetch(self, key: str, path: Path) -> Entry:
        """Download to `path`, in ranges when it is large; the digest recorded is verified."""
        name, shown = self._named(key)
        download = Download(
            begin=lambda: self._transport().get(name, shown),
            span=lambda span, at: self._requests().span(name, span, at, ("read", shown)),
            shown=shown,
            path=path,
        )
        with self._learning():
            entry = download.run(self._options, self._workers, self._backoff)
        return replace(entry, key=key)

    def copy(self, source: str, target: str) -> None:
        """Copy on the server, of any size, with the metadata."""
        name, _ = self._named(target)
        origin, shown = self._named(source)
        query = {"destinationKmsKeyName": self._options.kms_key} if self._options.kms_key else {}
        with self._learning():
            self._requests().rewrite(origin, name, query, shown)

    def local_path(self, key: str) -> Path | None:  # noqa: ARG002
        """None: the store is elsewhere."""
        return None

    def _insert(self, key: str, data: bytes, digest: str, condition: Mapping[str, str]) -> None:
        name, shown = self._named(key)
        with self._learning():
            self._requests().insert(name, data, digest, {**condition, **self._kms()}, shown)

    def _pages(
        self, prefix: str, query: Mapping[str, str]
    ) -> Iterator[tuple[list[Entry], list[str]]]:
        shown = self._address.shown(prefix)
        asked = {"prefix": self._address.prefix + prefix, **query}
        while True:
            page = partial(self._page, dict(asked), shown)
            entries, prefixes, token = self._backoff.call(page)
            yield entries, prefixes
            if not token:
                return
            asked["pageToken"] = token

    def _page(self, query: Mapping[str, str], shown: str) -> tuple[list[Entry], list[str], str]:
        with self._learning():
            return self._requests().page(query, shown)

    def _named(self, key: str) -> tuple[str, str]:
        return self._address.name(key), self._address.shown(key)

    def _kms(self) -> dict[str, str]:
        return {"kmsKeyName": self._options.kms_key} if self._options.kms_key else {}

    def _requests(self) -> GcsRequests:
        payer = self._options.requester_pays
        always = {"userProject": payer} if payer else {}
        base = self._endpoint or GOOGLE
        return GcsRequests(self._http, base, self._address.bucket, self._credentials, always)

    def _transport(self) -> Transport:
        if self._transport_now is None:
            self._transport_now = Transport(self._connect, self._endpoint or GOOGLE)
        return self._transport_now

    def _connect(self) -> Any:
        from obstore.store import GCSStore as Client

        options = self._options
        payer = options.requester_pays
        settings: dict[str, Any] = {
            "base_url": self._endpoint or GOOGLE,
            "skip_signature": self._credentials.anonymous,
        }
        if not self._credentials.anonymous:
            settings["credential_provider"] = self._provide
        return Client(
            self._address.bucket,
            client_options=client_options(options, {"x-goog-user-project": payer} if payer else {}),
            retry_config={"max_retries": 0},
            **settings,
        )

    def _provide(self) -> dict[str, Any]:
        token = self._transport().provided(self._credentials.token)
        return {"token": token.text if token else "", "expires_at": token and token.expires}

    @contextlib.contextmanager
    def _learning(self) -> Iterator[None]:
        """Drop credentials that are not accepted any more, for the next try."""
        try:
            yield
        except ExpiredError:
            self._credentials.drop()
            self._transport_now = None
            raise
