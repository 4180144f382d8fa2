"""Requests to one S3 bucket that are signed here: listings, parts, and what a bucket is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus

from scalable_cli.errors import StorageError
from scalable_cli.model.artifact import Entry
from scalable_cli.store.faults import ExpiredError
from scalable_cli.store.http import Request
from scalable_cli.store.sigv4 import encoded_path, encoded_query, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scalable_cli.store.credentials_aws import AwsCredentials
    from scalable_cli.store.http import Answer, Http


@dataclass(frozen=True)
class Page:
    """One page of a listing: entries with whole object names, common prefixes, where to go on."""

    entries: list[Entry]
    prefixes: list[str]
    token: str | None


@dataclass(frozen=True)
class Place:
    """Where a bucket answers: `url` includes the bucket, without a trailing slash."""

    url: str
    region: str
    custom: bool


def place_of(bucket: str, region: str, endpoint: str | None) -> Place:
    """The bucket's URL: path style at an endpoint of its own and for names with dots."""
    if endpoint:
        return Place(f"{endpoint}/{bucket}", region, custom=True)
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    if "." in bucket:
        # The certificate of *.s3 does not cover a name with more dots.
        return Place(f"https://s3.{region}.{domain}/{bucket}", region, custom=False)
    return Place(f"https://{bucket}.s3.{region}.{domain}", region, custom=False)


class S3Requests:
    """Signed requests to the bucket at `place`."""

    def __init__(
        self,
        http: Http,
        place: Place,
        credentials: AwsCredentials | None,
        always: Mapping[str, str],
    ) -> None:
        self._http = http
        self._place = place
        self._credentials = credentials
        self._always = always

    def send(
        self,
        method: str,
        name: str,
        query: Mapping[str, str],
        words: tuple[str, str],
        **more: Any,
    ) -> Answer:
        """Send one request about the object `name` ("" for the bucket); `words` are the error's.

        `more`: headers, body, and the statuses that are `fine`.
        """
        request = self._request(method, name, query, words, more)
        try:
            return self._http.send(request, fine=more.get("fine", (200,)))
        except ExpiredError:
            if self._credentials:
                self._credentials.drop()
            raise

    def _request(
        self,
        method: str,
        name: str,
        query: Mapping[str, str],
        words: tuple[str, str],
        more: Mapping[str, Any],
    ) -> Request:
        path = "/" + encoded_path(name) if name else ""
        url = self._place.url + path + (f"?{encoded_query(query)}" if query else "")
        headers = {**self._always, **more.get("headers", {})}
        if self._credentials:
            keys = self._credentials.keys()
            headers = signed(method, url, headers, keys, self._place.region, datetime.now(UTC))
        return Request(method, url, headers, more.get("body"), *words)

    def span(
        self, name: str, span: tuple[int, int], etag: str, words: tuple[str, str]
    ) -> Iterator[bytes]:
        """The bytes of `span` (start, end) of the object, which must still have this ETag."""
        headers = {"range": f"bytes={span[0]}-{span[1] - 1}", "if-match": etag}
        return self._http.stream(self._request("GET", name, {}, words, {"headers": headers}))

    def page(self, query: Mapping[str, str], shown: str) -> Page:
        """One page of the bucket's listing (ListObjectsV2)."""
        asked = {"list-type": "2", "encoding-type": "url", **query}
        answer = self.send("GET", "", asked, ("list", shown))
        return parse_page(answer.body.decode("utf-8", "replace"), shown)


def parse_page(text: str, shown: str) -> Page:
    """The page in an answer to ListObjectsV2; an answer that is none is a StorageError."""
    if "<ListBucketResult" not in text:
        raise StorageError(
            f'cannot list "{shown}": the endpoint does not answer like S3',
            hint="check AWS_ENDPOINT_URL_S3",
        )
    encoded = "<EncodingType>url</EncodingType>" in text
    contents, _, _ = text.rpartition("</Contents>")
    columns = [
        re.findall(rf"<{tag}>([^<]*)</{tag}>", contents)
        for tag in ("Key", "Size", "LastModified", "ETag")
    ]
    entries = [
        Entry(_name(key, encoded=encoded), int(size), _seconds(when), _etag(etag))
        for key, size, when, etag in zip(*columns, strict=True)
    ]
    prefixes = re.findall(r"<CommonPrefixes>\s*<Prefix>([^<]*)</Prefix>", text)
    token = re.search(r"<NextContinuationToken>([^<]+)</NextContinuationToken>", text)
    cut = "<IsTruncated>true</IsTruncated>" in text
    return Page(
        entries,
        [_name(prefix, encoded=encoded) for prefix in prefixes],
        unescape(token[1]) if token and cut else None,
    )


def _name(text: str, *, encoded: bool) -> str:
    if "&" in text:
        text = unescape(text)
    if not encoded or ("%" not in text and "+" not in text):
        return text
    # Amazon writes a blank as "+" here; SeaweedFS and rclone write %20 and leave "+" as %2B.
    return unquote_plus(text) if "+" in text else unquote(text)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _etag(text: str) -> str:
    # As the header has it; rclone's listing lacks the quotes.
    return f'"{unescape(text).strip(chr(34))}"'
