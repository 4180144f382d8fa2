"""A store in a bucket of Amazon S3, or of a server that speaks its protocol."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import StorageError
from scalable_cli.host import own_environ
from scalable_cli.store.address import Address, is_key
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.credentials_aws import AwsCredentials
from scalable_cli.store.download import Download
from scalable_cli.store.faults import ConditionError, ExpiredError, MissingKeyError, RegionError
from scalable_cli.store.http import Http, Request
from scalable_cli.store.options import ObjectOptions, s3_endpoint
from scalable_cli.store.parts import Workers
from scalable_cli.store.resumable_s3 import MultipartUpload
from scalable_cli.store.s3_requests import Place, S3Requests, place_of
from scalable_cli.store.transport import DIGEST, Transport, client_options
from scalable_cli.store.upload import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scalable_cli.model.artifact import Entry
    from scalable_cli.store.s3_requests import Page

# What a signature names when nobody says a region; Amazon answers with the right one.
_ANY_REGION = "us-east-1"


class S3Store:
    """Keys are objects below the address; nothing is opened before the first request.

    Every request may raise a TransientError: wrap it (`retrying`). Conditional writes are as
    good as the server: `rclone serve s3` ignores conditions.
    """

    def __init__(
        self,
        address: Address,
        options: ObjectOptions | None = None,
        environ: Mapping[str, str] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._address = address
        self._options = options or ObjectOptions()
        self._environ = own_environ() if environ is None else environ
        self._backoff = backoff or Backoff()
        self._endpoint = s3_endpoint(self._options, self._environ)
        self._workers = Workers(self._options.jobs)
        self._credentials = AwsCredentials(self._environ, self._options.profile)
        self._http = Http(self._options, self._environ)
        self._region: str | None = None
        self._transport_now: Transport | None = None

    def __reduce__(self) -> tuple[type[S3Store], tuple[object, ...]]:
        """Travel as address and options: the other machine has credentials of its own."""
        options = replace(self._options.travelling(), endpoint=self._endpoint)
        return S3Store, (self._address, options, None, self._backoff)

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`."""
        return self._address.uri

    def scan(self, prefix: str) -> Iterator[Entry]:
        """Every key that starts with `prefix`, sorted; names that are no keys are passed over."""
        pages = self._pages(prefix, {})
        entries = (entry for page in pages for entry in page.entries)
        cut = len(self._address.prefix)
        found = (replace(e, key=e.key[cut:]) for e in entries if is_key(e.key[cut:]))
        # Amazon lists in the order of UTF-8 bytes; SeaweedFS lists folder by folder.
        ordered = self._endpoint is None and not self._address.bucket.endswith("--x-s3")
        yield from found if ordered else sorted(found, key=lambda entry: entry.key)

    def folders(self, prefix: str) -> list[str]:
        """The names directly below `prefix` that hold keys, sorted."""
        cut = len(self._address.prefix) + len(prefix)
        names = {
            name[cut:-1]
            for page in self._pages(prefix, {"delimiter": "/"})
            for name in page.prefixes
        }
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
        mode: Any = None
        if create_only:
            mode = "create"
        elif if_version is not None:
            mode = {"e_tag": if_version}
        try:
            self._put_bytes(key, data, hashlib.sha256(data).hexdigest(), mode)
        except (ConditionError, MissingKeyError):
            if mode is None:
                raise
            return False
        return True

    def stat(self, key: str) -> Entry | None:
        """The entry of `key` with the digest recorded at its upload, or None."""
        name, shown = self._named(key)
        with self._learning():
            try:
                return replace(self._transport().head(name, shown), key=key)
            except MissingKeyError:
                return None

    def delete(self, key: str) -> None:
        """Remove `key`; a missing key is fine."""
        name, shown = self._named(key)
        with self._learning(), contextlib.suppress(MissingKeyError):
            self._requests().send("DELETE", name, {}, ("delete", shown), fine=(200, 204))

    def put(
        self,
        key: str,
        path: Path,
        *,
        move: bool = False,  # noqa: ARG002
        digest: str | None = None,
    ) -> None:
        """Upload the file, in parts when it is large; it stays where it is, `move` or not."""
        name, shown = self._named(key)
        with Source(path) as source:
            if source.size <= self._options.whole_bytes:
                data = source.read(0, source.size)
                source.check()
                self._put_bytes(key, data, digest or hashlib.sha256(data).hexdigest(), None)
                return
        with self._learning():
            upload = MultipartUpload(self._requests(), name, shown, self._options)
            upload.run(path, digest, self._workers, self._backoff)

    def fetch(self, key: str, path: Path) -> Entry:
        """Download to `path`, in ranges when it is large; the digest recorded is verified."""
        name, shown = self._named(key)

        download = Download(
            begin=lambda: self._transport().get(name, shown),
            span=lambda span, etag: self._requests().span(name, span, etag, ("read", shown)),
            shown=shown,
            path=path,
        )
        with self._learning():
            entry = download.run(self._options, self._workers, self._backoff)
        return replace(entry, key=key)

    def copy(self, source: str, target: str) -> None:
        """Copy on the server, with the metadata; 5 GB at most go in one request."""
        name, _ = self._named(target)
        origin, shown = self._named(source)
        from scalable_cli.store.sigv4 import encoded_path

        with self._learning():
            answer = self._requests().send(
                "PUT", name, {}, ("copy", shown),
                headers={
                    "x-amz-copy-source": f"/{self._address.bucket}/{encoded_path(origin)}",
                    **self._kms(),
                },
            )  # fmt: skip
            if b"<Error>" in answer.body:
                raise answer.failure("copy", shown)

    def local_path(self, key: str) -> Path | None:  # noqa: ARG002
        """None: the store is elsewhere."""
        return None

    def _put_bytes(self, key: str, data: bytes, digest: str, mode: Any) -> None:
        name, shown = self._named(key)
        with self._learning():
            self._transport().put(name, shown, data, mode=mode, attributes={DIGEST: digest})

    def _pages(self, prefix: str, query: Mapping[str, str]) -> Iterator[Page]:
        shown = self._address.shown(prefix)
        asked = {"prefix": self._address.prefix + prefix, **query}
        token: str | None = ""
        while token is not None:
            more = {"continuation-token": token} if token else {}
            page = self._backoff.call(partial(self._page, {**asked, **more}, shown))
            token = page.token
            yield page

    def _page(self, query: Mapping[str, str], shown: str) -> Page:
        with self._learning():
            return self._requests().page(query, shown)

    def _named(self, key: str) -> tuple[str, str]:
        return self._address.name(key), self._address.shown(key)

    def _kms(self) -> dict[str, str]:
        from scalable_cli.store.resumable_s3 import kms_headers

        return kms_headers(self._options)

    def _place(self) -> Place:
        region = self._region or self._options.region or self._credentials.region()
        return place_of(self._address.bucket, region or _ANY_REGION, self._endpoint)

    def _always(self) -> dict[str, str]:
        payer = self._options.requester_pays
        return {"x-amz-request-payer": "requester"} if payer else {}

    def _requests(self) -> S3Requests:
        signer = None if self._options.anonymous else self._credentials
        return S3Requests(self._http, self._place(), signer, self._always())

    def _transport(self) -> Transport:
        if self._transport_now is None:
            self._transport_now = Transport(self._connect, self._place().url)
        return self._transport_now

    def _connect(self) -> Any:
        from obstore.store import S3Store as Client

        place, options = self._place(), self._options
        # obstore reads this process's environment for what it is not told: it is told all
        # that matters.
        settings: dict[str, Any] = {
            "endpoint": place.url,
            "aws_endpoint_url_s3": place.url,
            "skip_signature": options.anonymous,
            "s3_express": False,
            "virtual_hosted_style_request": True,
            "region": place.region,
            "unsigned_payload": True,
            "checksum_algorithm": "CRC64NVME",
            "request_payer": bool(options.requester_pays),
        }
        if options.kms_key:
            settings |= {"server_side_encryption": "aws:kms", "sse_kms_key_id": options.kms_key}
        if not options.anonymous:
            settings["credential_provider"] = self._provide
        return Client(
            self._address.bucket,
            client_options=client_options(options, {}),
            retry_config={"max_retries": 0},
            **settings,
        )

    def _provide(self) -> dict[str, Any]:
        keys = self._transport().provided(self._credentials.keys)
        return {
            "access_key_id": keys.access,
            "secret_access_key": keys.secret,
            "token": keys.token,
            "expires_at": keys.expires,
        }

    @contextlib.contextmanager
    def _learning(self) -> Iterator[None]:
        """Drop credentials that have expired and a region that is wrong, for the next try."""
        try:
            yield
        except ExpiredError:
            self._credentials.drop()
            self._transport_now = None
            raise
        except RegionError as error:
            region = error.region or self._discovered()
            if not region or region == self._place().region:
                raise StorageError(error.text, hint=error.hint) from error
            self._region, self._transport_now = region, None
            raise

    def _discovered(self) -> str | None:
        """The bucket's region, which S3 tells anybody who asks for the bucket."""
        base = self._endpoint or f"https://s3.{_ANY_REGION}.amazonaws.com"
        url = f"{base}/{self._address.bucket}"
        request = Request("HEAD", url, {}, None, "find the region of", self.uri)
        answer = self._http.send(request, fine=(200, 301, 307, 400, 403))
        return answer.headers.get("x-amz-bucket-region")
