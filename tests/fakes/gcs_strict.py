"""The part of Google Cloud Storage that the store uses, strict where other fakes are lenient.

It refuses wrong checksums, failed preconditions, missing or old tokens and unknown query
parameters, and tells the truth about resumable uploads. Bytes are kept in memory.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

KNOWN = {
    "uploadType", "name", "ifGenerationMatch", "fields", "prefix", "delimiter", "pageToken",
    "maxResults", "alt", "generation", "rewriteToken", "kmsKeyName", "userProject", "upload_id",
    "destinationKmsKeyName", "project",
}  # fmt: skip


@dataclass
class Blob:
    """One generation of an object."""

    data: bytes
    generation: int
    updated: float
    about: dict[str, Any]


@dataclass
class Session:
    """A resumable upload."""

    bucket: str
    about: dict[str, Any]
    condition: str | None
    data: bytearray = field(default_factory=bytearray)
    finished: bool = False


class RefusedRequestError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status, self.reason, self.message = status, reason, message


class StrictGcs:
    """The server: `url`, its buckets, what it was asked, and the next faults to answer with."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Blob]] = {}
        self.sessions: dict[str, Session] = {}
        self.tokens: set[str] | None = None
        self.log: list[tuple[str, str]] = []
        self.faults: list[int] = []
        self.lock = threading.RLock()
        self.page_size = 1000
        self._generation = time.time_ns() // 1000
        handler = type("Handler", (_Handler,), {"gcs": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> StrictGcs:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def store(self, bucket: str, about: dict[str, Any], data: bytes, condition: str | None) -> Blob:
        """Make a new generation if condition and checksum hold."""
        with self.lock:
            blobs = self.bucket(bucket)
            now = blobs.get(about["name"])
            if condition is not None and int(condition) != (now.generation if now else 0):
                raise RefusedRequestError(
                    412, "conditionNotMet", "At least one pre-condition did not hold."
                )
            crc = checksum(data)
            if about.get("crc32c", crc) != crc:
                raise RefusedRequestError(
                    400, "invalid", f"Provided CRC32C doesn't match calculated {crc}"
                )
            self._generation += 1
            blob = Blob(data, self._generation, time.time(), {**about, "crc32c": crc})
            blobs[about["name"]] = blob
            return blob

    def bucket(self, name: str) -> dict[str, Blob]:
        """The bucket's objects."""
        if name not in self.buckets:
            raise RefusedRequestError(404, "notFound", "The specified bucket does not exist.")
        return self.buckets[name]

    def blob(self, bucket: str, name: str, generation: str | None = None) -> Blob:
        """The object's newest generation, which must be the one asked for."""
        blob = self.bucket(bucket).get(name)
        if blob is None or (generation and int(generation) != blob.generation):
            raise RefusedRequestError(404, "notFound", f"No such object: {bucket}/{name}")
        return blob


def checksum(data: bytes) -> str:
    """CRC32C as the API writes it."""
    return base64.b64encode(google_crc32c.value(bytes(data)).to_bytes(4, "big")).decode()


class _Handler(BaseHTTPRequestHandler):
    gcs: StrictGcs
    protocol_version = "HTTP/1.1"
    # Small answers would wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        self.gcs.log.append((self.command, self.path))
        try:
            self._guard(query)
            self._route(parts.path, query, body)
        except RefusedRequestError as error:
            about = {"domain": "global", "reason": error.reason, "message": error.message}
            inner = {"code": error.status, "message": error.message, "errors": [about]}
            self._json({"error": inner}, error.status)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

    def _guard(self, query: dict[str, str]) -> None:
        with self.gcs.lock:
            if self.gcs.faults:
                raise RefusedRequestError(self.gcs.faults.pop(0), "backendError", "Backend Error")
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if self.gcs.tokens is not None and token not in self.gcs.tokens:
            raise RefusedRequestError(401, "authError", "Invalid Credentials")
        unknown = set(query) - KNOWN
        if unknown:
            raise RefusedRequestError(400, "invalidParameter", f"Unknown parameter: {unknown}")

    def _route(self, path: str, query: dict[str, str], body: bytes) -> None:
        found = re.fullmatch(r"(/upload)?/storage/v1/b(?:/([^/]+)(/o(?:/(.+))?)?)?", path)
        if found is None:
            bucket, _, name = path[1:].partition("/")
            self._media(self.gcs.blob(unquote(bucket), unquote(name)))
            return
        upload, bucket, objects, rest = found.groups()
        if self.command == "POST" and bucket is None:
            self.gcs.buckets.setdefault(json.loads(body)["name"], {})
            self._json({})
        elif upload and self.command == "POST":
            self._upload(bucket, query, body)
        elif upload:
            self._resume(self.gcs.sessions.get(query["upload_id"]), body)
        elif objects and rest is None:
            self._list(bucket, query)
        else:
            self._object(bucket, rest, query)

    def _object(self, bucket: str, rest: str, query: dict[str, str]) -> None:
        origin, separator, target = rest.partition("/rewriteTo/b/")
        blob = self.gcs.blob(bucket, unquote(origin), query.get("generation"))
        if separator:
            to, _, name = target.partition("/o/")
            about = {**blob.about, "name": unquote(name)}
            new = self.gcs.store(to, about, blob.data, query.get("ifGenerationMatch"))
            self._json({"done": True, "resource": resource(new)})
        elif self.command == "DELETE":
            with self.gcs.lock:
                self.gcs.bucket(bucket).pop(unquote(origin), None)
            self._answer(204, b"", {})
        elif query.get("alt") == "media":
            self._media(blob)
        else:
            self._json(resource(blob))

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, after = query.get("prefix", ""), query.get("pageToken", "")
        delimiter = query.get("delimiter")
        with self.gcs.lock:
            blobs = dict(self.gcs.bucket(bucket))
        items: list[dict[str, Any]] = []
        prefixes: set[str] = set()
        names = sorted(n for n in blobs if n.startswith(prefix) and n > after)
        page = names[: self.gcs.page_size]
        for name in page:
            below, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if cut:
                prefixes.add(prefix + below + cut)
            else:
                items.append(resource(blobs[name]))
        more = {"nextPageToken": page[-1]} if len(names) > len(page) else {}
        self._json({"items": items, "prefixes": sorted(prefixes), **more})

    def _media(self, blob: Blob) -> None:
        headers = {
            "etag": f'"{blob.generation:x}"',
            "x-goog-generation": str(blob.generation),
            "last-modified": formatdate(blob.updated, usegmt=True),
            "x-goog-hash": f"crc32c={blob.about['crc32c']}",
            **{f"x-goog-meta-{k}": v for k, v in blob.about.get("metadata", {}).items()},
        }
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if span is None:
            self._answer(200, blob.data, headers)
            return
        start, size = int(span[1]), len(blob.data)
        if start >= size:
            raise RefusedRequestError(
                416, "requestedRangeNotSatisfiable", "Request range not satisfiable"
            )
        end = min(int(span[2] or size), size - 1)
        headers["content-range"] = f"bytes {start}-{end}/{size}"
        self._answer(206, blob.data[start : end + 1], headers)

    def _upload(self, bucket: str, query: dict[str, str], body: bytes) -> None:
        condition = query.get("ifGenerationMatch")
        if query["uploadType"] == "resumable":
            self.gcs.bucket(bucket)
            name = uuid.uuid4().hex
            self.gcs.sessions[name] = Session(bucket, json.loads(body), condition)
            where = f"http://{self.headers['host']}/upload/storage/v1/b/{bucket}/o?upload_id={name}"
            self._answer(200, b"", {"location": where})
            return
        mark = re.search("boundary=(.*)", self.headers["content-type"])
        assert mark is not None
        _, first, rest = body.split(b"--" + mark[1].encode(), 2)
        data = rest.rpartition(b"\r\n--" + mark[1].encode() + b"--")[0]
        about = json.loads(first.split(b"\r\n\r\n", 1)[1])
        self._json(
            resource(self.gcs.store(bucket, about, data.split(b"\r\n\r\n", 1)[1], condition))
        )

    def _resume(self, session: Session | None, body: bytes) -> None:
        if session is None or session.finished:
            raise RefusedRequestError(410, "uploadGone", "The upload is gone.")
        span = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", self.headers["content-range"])
        assert span is not None
        if span[1]:
            if int(span[1]) != len(session.data):
                raise RefusedRequestError(400, "invalid", "Not the next byte.")
            if int(span[2]) + 1 < int(span[3]) and len(body) % (256 << 10):
                raise RefusedRequestError(400, "invalid", "Not a multiple of 256 KiB.")
            session.data += body
        if len(session.data) == int(span[3]):
            session.finished = True
            data = bytes(session.data)
            blob = self.gcs.store(session.bucket, session.about, data, session.condition)
            self._json(resource(blob))
            return
        headers = {"range": f"bytes=0-{len(session.data) - 1}"} if session.data else {}
        self._answer(308, b"", headers)

    def _json(self, value: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(value).encode(), {"content-type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def resource(blob: Blob) -> dict[str, Any]:
    """The object as the JSON API tells it."""
    updated = datetime.fromtimestamp(blob.updated, UTC).isoformat(timespec="milliseconds")
    return {
        "kind": "storage#object",
        **blob.about,
        "size": str(len(blob.data)),
        "generation": str(blob.generation),
        "updated": updated.replace("+00:00", "Z"),
    }
