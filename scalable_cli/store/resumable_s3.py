"""Multipart uploads to S3 that another process can go on with.

The server keeps the parts that arrived (ListParts); the file of `progress` keeps the upload's id.
Each part carries a CRC32C that the server verifies.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from html import unescape
from typing import TYPE_CHECKING

from scalable_cli.store.faults import MissingKeyError
from scalable_cli.store.parts import Part, parts_of
from scalable_cli.store.progress import open_progress
from scalable_cli.store.transport import DIGEST
from scalable_cli.store.upload import Source, crc32c

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scalable_cli.store.backoff import Backoff
    from scalable_cli.store.options import ObjectOptions
    from scalable_cli.store.parts import Workers
    from scalable_cli.store.progress import Progress
    from scalable_cli.store.s3_requests import S3Requests


@dataclass(frozen=True)
class Arrived:
    """A part as the server has it."""

    number: int
    size: int
    etag: str
    crc: str


class MultipartUpload:
    """One file on its way to the object `name`."""

    def __init__(self, requests: S3Requests, name: str, shown: str, options: ObjectOptions) -> None:
        self._requests = requests
        self._name = name
        self._words = ("write", shown)
        self._options = options

    def run(self, path: Path, digest: str | None, workers: Workers, backoff: Backoff) -> None:
        """Upload the file; parts that an earlier try left behind are not sent again."""
        identity = ("up", self._words[1], os.path.abspath(path))
        with (
            Source(path) as source,
            open_progress(self._options.state_folder, *identity) as progress,
        ):
            digest = digest or source.digests()[0]
            try:
                self._run(source, digest, progress, workers, backoff)
                progress.finished = True
            except BaseException:
                if not progress.lasting and progress.facts:
                    self._abort(progress.facts["upload"])
                raise

    def _run(
        self, source: Source, digest: str, progress: Progress, workers: Workers, backoff: Backoff
    ) -> None:
        parts = parts_of(source.size, self._options.part_size(source.size))
        facts = {"digest": digest, "size": str(source.size), "part": str(parts[0].size)}
        arrived = self._arrived(progress, facts, backoff)
        if arrived is None:
            upload = backoff.call(lambda: self._create(digest))
            progress.begin({**facts, "upload": upload})
            arrived = {}
        upload = progress.facts["upload"]

        def send(part: Part) -> None:
            data = source.part(part)
            crc = crc32c(data)
            there = arrived.get(part.number)
            # SeaweedFS lists parts without their checksums.
            if there and there.size == part.size and there.crc in ("", crc):
                arrived[part.number] = replace(there, crc=crc)
            else:
                arrived[part.number] = backoff.call(lambda: self._send(upload, part, data, crc))

        workers.each(parts, send)
        source.check()
        backoff.call(lambda: self._complete(upload, [arrived[part.number] for part in parts]))

    def _arrived(
        self, progress: Progress, facts: Mapping[str, str], backoff: Backoff
    ) -> dict[int, Arrived] | None:
        """The parts of the upload that was begun for the same bytes; None when there is none."""
        known = dict(progress.facts)
        upload = known.pop("upload", None)
        if upload is None:
            return None
        if known != facts:
            self._abort(upload)
            return None
        try:
            return {p.number: p for p in backoff.call(lambda: self._list(upload))}
        except MissingKeyError:
            return None

    def _create(self, digest: str) -> str:
        headers = {
            f"x-amz-meta-{DIGEST}": digest,
            "x-amz-checksum-algorithm": "CRC32C",
            "content-type": "application/octet-stream",
            **kms_headers(self._options),
        }
        answer = self._requests.send(
            "POST", self._name, {"uploads": ""}, self._words, headers=headers
        )
        return _tag(answer.body.decode(), "UploadId")

    def _send(self, upload: str, part: Part, data: bytes, crc: str) -> Arrived:
        query = {"partNumber": str(part.number), "uploadId": upload}
        headers = {"x-amz-checksum-crc32c": crc}
        answer = self._requests.send(
            "PUT", self._name, query, self._words, headers=headers, body=data
        )
        return Arrived(part.number, part.size, answer.headers.get("etag", ""), crc)

    def _list(self, upload: str) -> list[Arrived]:
        found: list[Arrived] = []
        marker = ""
        while True:
            query = {"uploadId": upload} | ({"part-number-marker": marker} if marker else {})
            text = self._requests.send("GET", self._name, query, self._words).body.decode()
            for block in re.findall(r"<Part>(.*?)</Part>", text, re.DOTALL):
                crc = _tag(block, "ChecksumCRC32C")
                found.append(
                    Arrived(
                        int(_tag(block, "PartNumber")), int(_tag(block, "Size")),
                        _tag(block, "ETag"), crc,
                    )
                )  # fmt: skip
            if "<IsTruncated>true</IsTruncated>" not in text:
                return found
            marker = _tag(text, "NextPartNumberMarker")

    def _complete(self, upload: str, parts: list[Arrived]) -> None:
        rows = "".join(
            f"<Part><PartNumber>{p.number}</PartNumber><ETag>{p.etag}</ETag>"
            + (f"<ChecksumCRC32C>{p.crc}</ChecksumCRC32C>" if p.crc else "")
            + "</Part>"
            for p in parts
        )
        body = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
        answer = self._requests.send(
            "POST", self._name, {"uploadId": upload}, self._words,
            headers={"content-type": "application/xml"}, body=body,
        )  # fmt: skip
        # Amazon may say 200 first and fail after: the answer then is an <Error>.
        if b"<Error>" in answer.body:
            raise answer.failure(*self._words)

    def _abort(self, upload: str) -> None:
        """Give up the parts, which cost money; a failure here must not hide the first one."""
        from scalable_cli.errors import StorageError

        try:
            self._requests.send(
                "DELETE", self._name, {"uploadId": upload}, self._words, fine=(200, 204, 404)
            )
        except StorageError:
            return


def kms_headers(options: ObjectOptions) -> dict[str, str]:
    """The headers that ask for encryption with the project's own key."""
    if not options.kms_key:
        return {}
    return {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": options.kms_key,
    }


def _tag(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", text)
    return unescape(found[1]) if found else ""
