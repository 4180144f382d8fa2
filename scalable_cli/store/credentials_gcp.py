"""Bearer tokens for Google Cloud Storage, from google-auth, refreshed when they age."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCOPES = ["https://www.googleapis.com/auth/devstorage.read_write"]
_HINT = (
    "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file"
)


@dataclass(frozen=True)
class Token:
    """One bearer token; never printed."""

    text: str = field(repr=False)
    expires: datetime | None = None


class GoogleCredentials:
    """Tokens of the environment's credentials: a file, the user's login, or the machine's.

    The file may hold a service account, a user's login or a workload identity. With an
    emulator no credentials are asked for.
    """

    def __init__(self, environ: Mapping[str, str], *, anonymous: bool = False) -> None:
        self._environ = environ
        self._anonymous = anonymous
        self._lock = threading.Lock()
        self._found: Any = None

    @property
    def anonymous(self) -> bool:
        """Whether requests go without a token."""
        return self._anonymous

    def token(self) -> Token | None:
        """The token to use now, None without credentials; raises StorageError."""
        if self._anonymous:
            return None
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.urllib3 import Request

        with self._lock:
            try:
                if self._found is None:
                    self._found = self._find()
                if not self._found.valid:
                    self._found.refresh(Request(_pool()))
                expiry = self._found.expiry
                return Token(self._found.token, expiry.replace(tzinfo=UTC) if expiry else None)
            except (GoogleAuthError, OSError, ValueError) as error:
                self._found = None
                raise StorageError(
                    f"no Google credentials: {_first_line(error)}", hint=_HINT
                ) from error

    def drop(self) -> None:
        """Forget the token: the store does not accept it any more."""
        with self._lock:
            self._found = None

    def _find(self) -> Any:
        import google.auth

        path = self._environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        if path:
            found, _ = google.auth.load_credentials_from_file(path, scopes=_SCOPES)
        else:
            found, _ = google.auth.default(scopes=_SCOPES)
        return found


def _pool() -> Any:
    import urllib3

    return urllib3.PoolManager(timeout=urllib3.Timeout(connect=10, read=30))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
