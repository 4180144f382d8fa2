"""Container image references, by the grammar of distribution/reference (regexp.go)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ALNUM = r"[a-z0-9]+"
_SEPARATOR = r"(?:[._]|__|-+)"
_COMPONENT = rf"{_ALNUM}(?:{_SEPARATOR}{_ALNUM})*"
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<name>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_HEX64 = re.compile(r"[0-9a-f]{64}")
MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image: registry host, repository, and a tag or a digest."""

    host: str
    repository: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        suffix = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self.host}/{self.repository}{suffix}"


def parse_image(text: str) -> ImageRef:
    """The reference in its full form; raises ValueError with what is wrong and why.

    A first part is a host only when it has a dot or a colon, is `localhost`, or has upper
    case; otherwise Docker Hub is meant. A digest beats a tag.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(_complaint(text))
    host, name, tag, digest = match.group("host", "name", "tag", "digest")
    if host and not _is_host(host):
        host, name = None, f"{host}/{name}"
    if _HEX64.fullmatch(name):
        raise ValueError("64 hex digits alone are an image id, not a name")
    host = "docker.io" if host in (None, "index.docker.io") else host
    if host == "docker.io" and "/" not in name:
        name = f"library/{name}"
    if len(f"{host}/{name}") > MAX_NAME:
        raise ValueError(f"the name is longer than {MAX_NAME} characters")
    return ImageRef(host, name, None if digest else tag or "latest", digest)


def _is_host(text: str) -> bool:
    return text == "localhost" or "." in text or ":" in text or text != text.lower()


def _complaint(text: str) -> str:
    if "$" in text:
        return "a variable is left in it; write ${NAME} and set it"
    if text != text.strip() or any(c.isspace() for c in text):
        return "there is a blank in it"
    if "://" in text:
        return "leave out the scheme"
    name = text.partition("@")[0]
    tail = name.rsplit("/", 1)[-1]
    repository = name if ":" not in tail else name[: name.rindex(":")]
    head, _, rest = repository.partition("/")
    path = rest if rest and _is_host(head) and head.lower() == head else repository
    if path != path.lower():
        return "the repository must be lower case"
    if "@" in text:
        return "the digest must be like sha256:<64 hex digits>"
    if ":" in tail:
        return "the tag may hold letters, digits, _ . - and be 128 characters at most"
    return "not of the form [host[:port]/]name[:tag][@digest]"
