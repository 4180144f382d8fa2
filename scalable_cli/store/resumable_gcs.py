"""Resumable uploads to GCS that another process can go on with.

A session takes the bytes in order, tells how many it has, and verifies the CRC32C of the whole
object before it appears. Its URI is valid for a week and is a secret: the file of `progress`
that keeps it is readable by its owner alone.
https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.store.faults import MissingKeyError, TransientError
from scalable_cli.store.gcs_requests import description
from scalable_cli.store.progress import open_progress
from scalable_cli.store.upload import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scalable_cli.store.backoff import Backoff
    from scalable_cli.store.gcs_requests import GcsRequests
    from scalable_cli.store.http import Answer
    from scalable_cli.store.options import ObjectOptions
    from scalable_cli.store.progress import Progress

# Every request but the last carries a multiple of this.
_UNIT = 256 << 10


class ResumableUpload:
    """One file on its way to the object `name`; `query` has conditions and the key."""

    def __init__(
        self, requests: GcsRequests, name: str, shown: str, query: Mapping[str, str]
    ) -> None:
        self._requests = requests
        self._name = name
        self._words = ("write", shown)
        self._query = query

    def run(self, path: Path, digest: str | None, options: ObjectOptions, backoff: Backoff) -> None:
        """Upload the file; bytes that an earlier try left behind are not sent again."""
        identity = ("up", self._words[1], os.path.abspath(path))
        with Source(path) as source, open_progress(options.state_folder, *identity) as progress:
            sha, crc = source.digests()
            facts = {"digest": digest or sha, "crc32c": crc, "size": str(source.size)}
            sent = self._sent(progress, facts, backoff)
            if sent is None:
                session = backoff.call(lambda: self._begin(facts))
                progress.begin({**facts, "session": session})
                sent = 0
            step = max(_UNIT, options.part_bytes // _UNIT * _UNIT)
            self._send_all(source, progress.facts["session"], sent, step, backoff)
            progress.finished = True

    def _sent(self, progress: Progress, facts: Mapping[str, str], backoff: Backoff) -> int | None:
        """How much the session that was begun for the same bytes has; None when there is none."""
        known = dict(progress.facts)
        session = known.pop("session", None)
        if session is None or known != facts:
            return None
        try:
            return backoff.call(lambda: self._ask(session, int(facts["size"])))
        except MissingKeyError:
            return None

    def _begin(self, facts: Mapping[str, str]) -> str:
        about = description(self._name, facts["digest"], facts["crc32c"])
        headers = {
            "content-type": "application/json; charset=UTF-8",
            "x-upload-content-length": facts["size"],
        }
        answer = self._requests.send(
            "POST", "/o", {"uploadType": "resumable", **self._query}, self._words,
            headers=headers, body=json.dumps(about).encode(), upload=True,
        )  # fmt: skip
        return answer.headers["location"]

    def _send_all(
        self, source: Source, session: str, sent: int, step: int, backoff: Backoff
    ) -> None:
        doubtful = False

        def send() -> int:
            nonlocal doubtful
            # After a break only the server knows how much arrived.
            start = self._ask(session, source.size) if doubtful else sent
            if start >= source.size:
                return start
            doubtful = True
            arrived = self._send(source, session, start, step)
            doubtful = False
            return arrived

        while sent < source.size:
            sent = backoff.call(send)
        source.check()

    def _send(self, source: Source, session: str, start: int, step: int) -> int:
        size = min(step, source.size - start)
        end = start + size
        if end == source.size:
            source.check()
        headers = {"content-range": f"bytes {start}-{end - 1}/{source.size}"}
        answer = self._put(session, headers, source.read(start, size))
        arrived = self._arrived(answer, source.size)
        if arrived <= start:
            raise TransientError(f'cannot write "{self._words[1]}": the upload does not go on')
        return arrived

    def _ask(self, session: str, size: int) -> int:
        return self._arrived(self._put(session, {"content-range": f"bytes */{size}"}, b""), size)

    def _put(self, session: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = self._requests.send(
            "PUT", session, {}, self._words,
            headers=headers, body=body, fine=(200, 201, 308, 404, 410),
        )  # fmt: skip
        if answer.status in (404, 410):
            raise MissingKeyError(f'cannot write "{self._words[1]}": the upload was given up')
        return answer

    def _arrived(self, answer: Answer, size: int) -> int:
        if answer.status in (200, 201):
            stored = json.loads(answer.body or b"{}").get("size")
            if stored is not None and int(stored) != size:
                raise StorageError(f'cannot write "{self._words[1]}": the store cut it short')
            return size
        span = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("range", ""))
        return int(span[1]) + 1 if span else 0
