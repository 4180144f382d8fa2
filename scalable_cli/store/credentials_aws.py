"""Keys for S3: from the environment, else from whatever boto3 finds, refreshed when they age."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Asking botocore again costs nothing: it renews keys itself some minutes before they expire.
_TRUSTED_FOR = timedelta(minutes=10)

_HINT = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run aws sso login"


@dataclass(frozen=True)
class AwsKeys:
    """One set of keys; `token` for temporary ones. Never printed."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


class AwsCredentials:
    """The keys of one profile and environment; `drop` makes the next `keys` look again.

    Keys in the environment are taken as they are, without loading botocore. Everything else
    (profiles, SSO, roles, web identity, containers, instances) is botocore's chain.
    """

    def __init__(self, environ: Mapping[str, str], profile: str | None = None) -> None:
        self._environ = environ
        self._profile = profile or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
        self._lock = threading.Lock()
        self._found: Any = None

    def keys(self) -> AwsKeys:
        """The keys to use now; raises StorageError when there are none."""
        if self._in_environment():
            return AwsKeys(
                self._environ["AWS_ACCESS_KEY_ID"],
                self._environ["AWS_SECRET_ACCESS_KEY"],
                self._environ.get("AWS_SESSION_TOKEN") or None,
            )
        return self._chain_keys()

    def drop(self) -> None:
        """Forget what was found: the store says that it is too old."""
        with self._lock:
            self._found = None

    def region(self) -> str | None:
        """The region of the environment or the profile."""
        named = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        if named or self._in_environment():
            return named
        with self._translated():
            region = self._session().get_config_variable("region")
        return str(region) if region else None

    def _in_environment(self) -> bool:
        # As botocore has it: a profile named in the code goes before keys in the environment,
        # AWS_PROFILE does not.
        environ = self._environ
        return bool(environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"))

    def _chain_keys(self) -> AwsKeys:
        with self._lock, self._translated():
            if self._found is None:
                self._found = self._session().get_credentials()
            found = self._found
            frozen = found.get_frozen_credentials() if found else None
        if frozen is None:
            raise StorageError("no AWS credentials were found", hint=_HINT)
        refreshable = hasattr(found, "refresh_needed")
        expires = datetime.now(UTC) + _TRUSTED_FOR if refreshable else None
        return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token, expires)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            self._found = None
            raise StorageError(f"no AWS credentials: {error}", hint=_HINT) from error

    def _session(self) -> Any:
        import botocore.session

        session = botocore.session.Session(profile=self._profile)
        for variable, name in (
            ("config_file", "AWS_CONFIG_FILE"),
            ("credentials_file", "AWS_SHARED_CREDENTIALS_FILE"),
            ("region", "AWS_REGION"),
        ):
            if self._environ.get(name):
                session.set_config_variable(variable, self._environ[name])
        return session
