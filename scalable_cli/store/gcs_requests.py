"""Requests to one GCS bucket through its JSON API, which verifies checksums and generations.

https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from scalable_cli.model.artifact import Entry
from scalable_cli.store.faults import ExpiredError
from scalable_cli.store.http import Request
from scalable_cli.store.transport import DIGEST
from scalable_cli.store.upload import crc32c

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scalable_cli.store.credentials_gcp import GoogleCredentials
    from scalable_cli.store.http import Answer, Http

GOOGLE = "https://storage.googleapis.com"

_FIELDS = "name,size,updated,generation,metadata"


class GcsRequests:
    """Requests to `bucket` with a bearer token; `always` goes into every query."""

    def __init__(
        self,
        http: Http,
        base: str,
        bucket: str,
        credentials: GoogleCredentials,
        always: Mapping[str, str],
    ) -> None:
        self._http = http
        self._base = base
        self._bucket = bucket
        self._credentials = credentials
        self._always = always

    def send(
        self, method: str, path: str, query: Mapping[str, str], words: tuple[str, str], **more: Any
    ) -> Answer:
        """Send one request; `path` is below the bucket ("/o/…") or a whole URL.

        `more`: headers, body, the statuses that are `fine`, and `upload` for an upload's URL.
        """
        request = self._request(method, path, query, words, more)
        try:
            return self._http.send(request, fine=more.get("fine", (200,)))
        except ExpiredError:
            self._credentials.drop()
            raise

    def stat(self, name: str, shown: str) -> Entry:
        """What is known of the object; raises MissingKeyError."""
        answer = self.send("GET", object_path(name), {"fields": _FIELDS}, ("read", shown))
        return entry_of(json.loads(answer.body))

    def page(self, query: Mapping[str, str], shown: str) -> tuple[list[Entry], list[str], str]:
        """One page of the listing: entries, common prefixes, and the token of the next or ""."""
        fields = "items(name,size,updated,generation),prefixes,nextPageToken"
        answer = self.send("GET", "/o", {"fields": fields, **query}, ("list", shown))
        found = json.loads(answer.body)
        entries = [entry_of(item) for item in found.get("items", ())]
        return entries, found.get("prefixes", []), found.get("nextPageToken", "")

    def span(
        self, name: str, span: tuple[int, int], generation: str, words: tuple[str, str]
    ) -> Iterator[bytes]:
        """The bytes of `span` (start, end) of one generation of the object."""
        query = {"alt": "media", "generation": generation}
        headers = {"range": f"bytes={span[0]}-{span[1] - 1}"}
        request = self._request("GET", object_path(name), query, words, {"headers": headers})
        return self._http.stream(request)

    def insert(
        self, name: str, data: bytes, digest: str, query: Mapping[str, str], shown: str
    ) -> None:
        """Store `data` in one request; the server verifies its CRC32C."""
        about = json.dumps(description(name, digest, crc32c(data))).encode()
        mark = uuid.uuid4().hex.encode()
        body = b"".join(
            [
                b"--", mark, b"\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n", about,
                b"\r\n--", mark, b"\r\ncontent-type: application/octet-stream\r\n\r\n", data,
                b"\r\n--", mark, b"--\r\n",
            ]
        )  # fmt: skip
        headers = {"content-type": f"multipart/related; boundary={mark.decode()}"}
        asked = {"uploadType": "multipart", "fields": "generation", **query}
        self.send("POST", "/o", asked, ("write", shown), headers=headers, body=body, upload=True)

    def rewrite(self, origin: str, name: str, query: Mapping[str, str], shown: str) -> None:
        """Copy on the server, of any size, with the metadata."""
        path = f"{object_path(origin)}/rewriteTo/b/{self._bucket}{object_path(name)}"
        token = ""
        while True:
            asked = {**query, **({"rewriteToken": token} if token else {})}
            answer = self.send(
                "POST", path, asked, ("copy", shown), body=b"", headers={"content-length": "0"}
            )
            found = json.loads(answer.body)
            token = found.get("rewriteToken", "")
            if found.get("done", True) or not token:
                return

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        words: tuple[str, str],
        more: Mapping[str, Any],
    ) -> Request:
        url = path
        if path.startswith("/"):
            root = "/upload/storage/v1/b/" if more.get("upload") else "/storage/v1/b/"
            asked = urlencode({**self._always, **query}, quote_via=quote)
            url = f"{self._base}{root}{self._bucket}{path}" + (f"?{asked}" if asked else "")
        headers = dict(more.get("headers", {}))
        token = self._credentials.token()
        if token:
            headers["authorization"] = f"Bearer {token.text}"
        return Request(method, url, headers, more.get("body"), *words)


def object_path(name: str) -> str:
    """The object below its bucket; its slashes are encoded."""
    return f"/o/{quote(name, safe='')}"


def description(name: str, digest: str, crc: str) -> dict[str, object]:
    """What an upload says of the object before its bytes."""
    return {
        "name": name,
        "crc32c": crc,
        "contentType": "application/octet-stream",
        "metadata": {DIGEST: digest},
    }


def entry_of(item: Mapping[str, Any]) -> Entry:
    """The entry in an object's resource."""
    modified = datetime.fromisoformat(item["updated"]).timestamp()
    digest = item.get("metadata", {}).get(DIGEST)
    return Entry(item["name"], int(item.get("size", 0)), modified, item["generation"], digest)
