"""What went wrong at an object store: in the user's words, and whether trying again may help."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scalable_cli.errors import StorageError

# S3's and Google's own lists of what a client should try again.
_TRANSIENT_STATUS = {408, 409, 425, 429, 500, 502, 503, 504}
_TRANSIENT_CODES = {
    "SlowDown", "InternalError", "RequestTimeout", "ServiceUnavailable", "Throttling",
    "ThrottlingException", "RequestLimitExceeded", "ConditionalRequestConflict",
    "OperationAborted", "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
}  # fmt: skip
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_WRONG_SECRET = {"SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken"}
_WRONG_REGION = {
    "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException", "AuthorizationQueryParametersError",
}  # fmt: skip


class TransientError(StorageError):
    """The same request may succeed later; `after_s` is how long the store asks to wait."""

    after_s: float = 0.0


class ExpiredError(TransientError):
    """The credentials are too old; they were dropped, so that the next try asks for new ones."""


class RegionError(TransientError):
    """The bucket lies in another region; `region` is it, where the store said so."""

    region: str | None = None


class MissingKeyError(StorageError):
    """There is no such key."""


class ConditionError(StorageError):
    """A condition of the request does not hold."""


@dataclass(frozen=True)
class Refusal:
    """What a store answered instead of doing what was asked."""

    status: int
    code: str
    message: str

    @classmethod
    def parse(cls, status: int, body: str) -> Refusal:
        """Read an error body: S3's and GCS's XML, or Google's JSON."""
        if body.lstrip().startswith("{"):
            reason = re.search(r'"reason":\s*"([^"]*)"', body)
            said = re.search(r'"message":\s*"((?:[^"\\]|\\.)*)"', body)
            return cls(status, reason[1] if reason else "", said[1] if said else "")
        code = re.search(r"<Code>([^<]*)</Code>", body)
        said = re.search(r"<Message>([^<]*)</Message>", body)
        return cls(status, code[1] if code else "", said[1] if said else body.strip()[:200])


def refused(refusal: Refusal, verb: str, shown: str, body: str = "") -> StorageError:
    """The error for a refused request: `cannot read "s3://…": …`."""
    what = f'cannot {verb} "{shown}"'
    status, code = refusal.status, refusal.code
    if status == 412:
        return ConditionError(f"{what}: it changed meanwhile")
    known = _known(refusal, what, shown, body)
    if known is not None:
        return known
    if status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES:
        return TransientError(f"{what}: the store answers {status} {code}".rstrip())
    if status == 403:
        bucket = _bucket(shown)
        return StorageError(f"{what}: access denied", hint=_permission(verb, bucket))
    if status == 404:
        return MissingKeyError(f"{what}: no such key")
    said = f"{code or status} {refusal.message}".strip()
    return StorageError(f"{what}: the store answers {said}")


def _known(refusal: Refusal, what: str, shown: str, body: str) -> StorageError | None:
    """The error for a cause that the store names and the user can act on."""
    status, code, bucket = refusal.status, refusal.code, _bucket(shown)
    if code == "NoSuchBucket" or "bucket does not exist" in refusal.message.lower():
        return StorageError(f'{what}: there is no bucket "{bucket}"', hint=_make_bucket(bucket))
    if code in _EXPIRED or (status == 401 and shown.startswith("gs:")):
        return ExpiredError(f"{what}: the credentials have expired", hint=_sign_in(shown))
    if code in _WRONG_SECRET or status == 401:
        return StorageError(
            f"{what}: the credentials are not accepted ({code or status})", hint=_sign_in(shown)
        )
    if code == "RequestTimeTooSkewed":
        return StorageError(
            f"{what}: this machine's clock differs too much from the store's",
            hint="set the clock: timedatectl set-ntp true",
        )
    if code in _WRONG_REGION or status == 301:
        error = RegionError(
            f"{what}: the bucket is in another region",
            hint="set AWS_REGION to the bucket's region",
        )
        region = re.search(r"<Region>([^<]*)</Region>", body)
        error.region = region[1] if region else None
        return error
    return None


def _bucket(shown: str) -> str:
    return "/".join(shown.split("/", 3)[:3])


def unreachable(verb: str, shown: str, endpoint: str, reason: str) -> TransientError:
    """The error for a connection that cannot be made, breaks, or says nothing."""
    return TransientError(
        f'cannot {verb} "{shown}": no answer from {endpoint} ({reason})',
        hint="check the network and the endpoint",
    )


def _make_bucket(bucket: str) -> str:
    if bucket.startswith("gs:"):
        return f"check the name, or make it: gcloud storage buckets create {bucket}"
    return f"check the name, or make it: aws s3 mb {bucket}"


def _sign_in(shown: str) -> str:
    if shown.startswith("gs:"):
        return "sign in again: gcloud auth application-default login"
    return "sign in again: aws sso login, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def _permission(verb: str, bucket: str) -> str:
    google, amazon = {
        "list": ("storage.objects.list", "s3:ListBucket"),
        "read": ("storage.objects.get", "s3:GetObject"),
        "delete": ("storage.objects.delete", "s3:DeleteObject"),
    }.get(verb, ("storage.objects.create", "s3:PutObject"))
    return f"ask for the permission {google if bucket.startswith('gs:') else amazon} on {bucket}"
