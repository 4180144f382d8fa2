"""A run's own certificates: nobody without them can talk to its scheduler or its workers."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import RefusedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scalable_cli.engine.rundir import RunDirectory

FOLDER = "tls"
AUTHORITY, ROLES = "ca", ("head", "worker")
MAX_LIFETIME_S = 7 * 86400.0
# Clocks of machines differ; a certificate is valid a little earlier and longer than it must.
SLACK_S = 3600.0


@dataclass(frozen=True)
class Credentials:
    """One role's part: the authority's certificate, its own, and its key, each in PEM."""

    authority: str
    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Credentials(…)"


def make_credentials(run: str, now: float, lifetime_s: float | None) -> dict[str, Credentials]:
    """New credentials by role, of an authority whose key nobody keeps.

    They hold `lifetime_s` from `now` (seconds since the epoch), seven days at the most.
    ECDSA on P-256: a pair takes a millisecond, and fits where space is scarce.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    until = now + min(lifetime_s or MAX_LIFETIME_S, MAX_LIFETIME_S) + SLACK_S
    valid = (_time(now - SLACK_S), _time(until))
    authority = _certificate(run, key.public_key(), valid, run, key, is_authority=True)
    made = {}
    for role in ROLES:
        own = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(f"{role} {run}", own.public_key(), valid, run, key)
        made[role] = Credentials(_pem(authority), _pem(certificate), _key_pem(own))
    return made


def security_of(credentials: Credentials) -> Any:
    """Dask's settings that refuse whoever lacks the run's certificates."""
    from distributed.security import Security

    pairs = {}
    for role in ("scheduler", "worker", "client"):
        pairs[f"tls_{role}_cert"] = credentials.certificate
        pairs[f"tls_{role}_key"] = credentials.key
    return Security(require_encryption=True, tls_ca_file=credentials.authority, **pairs)


@contextlib.contextmanager
def secured(run: RunDirectory, now: float, lifetime_s: float | None) -> Iterator[Any]:
    """Dask's settings for the head; the workers' lie in the run's `tls/` until the block ends.

    Their files are readable by their owner only. Raises RefusedError where the run's storage
    has no files, StorageError.
    """
    folder = _folder(run)
    made = make_credentials(run.id, now, lifetime_s)
    try:
        _remove(folder)
        folder.mkdir(mode=0o700)
        _write(folder / f"{AUTHORITY}.crt", made["worker"].authority)
        _write(folder / "worker.crt", made["worker"].certificate)
        _write(folder / "worker.key", made["worker"].key)
    except OSError as error:
        raise StorageError(f'cannot write "{folder}": {error.strerror}') from error
    try:
        yield security_of(made["head"])
    finally:
        _remove(folder)


def worker_security(run: RunDirectory) -> Any:
    """Dask's settings for a worker of the run; raises StorageError when its head is gone."""
    folder = _folder(run)
    try:
        parts = [
            (folder / name).read_text(encoding="ascii")
            for name in (f"{AUTHORITY}.crt", "worker.crt", "worker.key")
        ]
    except OSError as error:
        raise StorageError(f'cannot read "{error.filename}": {error.strerror}') from error
    return security_of(Credentials(*parts))


def _folder(run: RunDirectory) -> Path:
    folder = run.store.local_path(run.key(FOLDER))
    if folder is None:
        raise RefusedError(f'this version keeps keys on local storage only, not in "{run.uri}"')
    return folder


def _remove(folder: Path) -> None:
    names = [AUTHORITY, *ROLES]
    for path in [folder / f"{name}.{end}" for name in names for end in ("crt", "key")]:
        path.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        folder.rmdir()


def _write(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as stream:
        stream.write(text)


def _certificate(
    name: str,
    public_key: Any,
    valid: tuple[dt.datetime, dt.datetime],
    issuer: str,
    signer: Any,
    *,
    is_authority: bool = False,
) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    return builder.sign(signer, hashes.SHA256())


def _usage(*, is_authority: bool) -> Any:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> Any:
    from cryptography import x509

    # A common name has 64 characters at the most (RFC 5280, ub-common-name).
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text[-64:])])


def _pem(certificate: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    text: bytes = certificate.public_bytes(Encoding.PEM)
    return text.decode()


def _key_pem(key: Any) -> str:
    from cryptography.hazmat.primitives import serialization as form

    text: bytes = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    return text.decode()


def _time(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
