"""Sign a request to S3: AWS Signature Version 4, in headers, the body not signed.

The body is guarded by a checksum header instead, which the server verifies: signing would hash
every byte a second time.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from scalable_cli.store.credentials_aws import AwsKeys

UNSIGNED = "UNSIGNED-PAYLOAD"


def encoded_path(path: str) -> str:
    """The path as S3 wants it in URL and signature: encoded once, slashes kept."""
    return quote(path, safe="/-_.~")


def encoded_query(query: Mapping[str, str]) -> str:
    """The query as S3 wants it in URL and signature: sorted, blanks as %20."""
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed(
    method: str, url: str, headers: Mapping[str, str], keys: AwsKeys, region: str, now: datetime
) -> dict[str, str]:
    """`headers` with those that sign the request; `url` is encoded by the functions above."""
    parts = urlsplit(url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    complete = {name.lower(): value for name, value in headers.items()}
    complete |= {"host": parts.netloc, "x-amz-date": stamp, "x-amz-content-sha256": UNSIGNED}
    if keys.token:
        complete["x-amz-security-token"] = keys.token
    names = sorted(complete)
    canonical = "\n".join(
        [
            method,
            parts.path or "/",
            parts.query,
            *(f"{name}:{' '.join(complete[name].split())}" for name in names),
            "",
            ";".join(names),
            UNSIGNED,
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = f"AWS4{keys.secret}".encode()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    complete["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return complete
