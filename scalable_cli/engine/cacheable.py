"""`@cacheable`: the result of a call is kept, and used when the same call is made again."""

from __future__ import annotations

import functools
import inspect
import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from scalable_cli.engine.source import digest_of_function
from scalable_cli.errors import StorageError
from scalable_cli.model.digest import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.model.store import Store

P = ParamSpec("P")
R = TypeVar("R")

# Where results are kept without a session: below the current folder.
DEFAULT_FOLDER = ".scalable"
_MAGIC = b"scalable.result/1 "

# The storage of the session that a call belongs to; workers set it for each call.
storage: ContextVar[Store | None] = ContextVar("storage", default=None)


@dataclass(frozen=True, slots=True)
class Kept(Generic[R]):
    """A result that was found."""

    result: R


class CachedFunction(Generic[P, R]):
    """A function whose results are kept; made by `cacheable`. Called like the function."""

    def __init__(self, function: Callable[P, R], version: object, digest: str | None) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._name: str = function.__qualname__
        self._version = version
        self._digest = digest
        self._warned = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The kept result, else the result of calling the function, which is then kept."""
        key = self.key(args, kwargs)
        found = self.find(key)
        if found is not None:
            return found.result
        result = self._function(*args, **kwargs)
        self.keep(key, result)
        return result

    def __get__(self, instance: object, owner: type | None = None) -> object:
        """In a class: a method, whose object counts as its first argument."""
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]] | str:
        """By name where others can import it; else whole, with the digest of its source.

        A worker may not have the file or the notebook that the source is in.
        """
        if self.__module__ != "__main__" and self._importable():
            return self._name
        return CachedFunction, (self._function, self._version, self.digest())

    @property
    def plain(self) -> Callable[P, R]:
        """The function itself, whose calls are not kept."""
        return self._function

    def digest(self) -> str:
        """The digest of the function's source as it is now, or was where it came from."""
        if self._digest is not None or not isinstance(self._function, FunctionType):
            return self._digest or ""
        return digest_of_function(self._function)

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """The key of a call; None, with one warning, for arguments without a stable form.

        Two ways to write the same call (by position, by name, by default) have one key. The
        form of arguments is that of `dask.base.tokenize`, which knows numbers, texts,
        collections, dataclasses, NumPy and pandas; another version of Dask may give others.
        """
        from dask.base import tokenize
        from dask.tokenize import TokenizationError

        try:
            bound = inspect.signature(self._function).bind(*args, **kwargs)
        except TypeError:
            return None  # the call itself says what is wrong
        bound.apply_defaults()
        try:
            token = tokenize(bound.arguments, ensure_deterministic=True)
        except (TokenizationError, RuntimeError) as error:
            self._warn(f"is not cached for arguments that cannot be compared: {error}")
            return None
        return digest_of(["scalable.call/1", self.digest(), repr(self._version), token])

    def find(self, key: str | None) -> Kept[R] | None:
        """The kept result of a call; a damaged or unreadable one is none."""
        if key is None:
            return None
        try:
            data = _store().read(function_key(key))
        except StorageError:
            return None
        head, _, body = data.partition(b"\n")
        if head != _MAGIC + sha256(body).hexdigest().encode():
            return None
        import pickle

        try:
            return Kept(pickle.loads(body))  # noqa: S301 - written by this project's own runs
        except Exception:  # a class that is gone or changed may raise anything
            return None

    def keep(self, key: str | None, result: R) -> None:
        """Keep a result; one warning when it, or the storage, does not allow that."""
        if key is None:
            return
        import cloudpickle

        try:
            body = cloudpickle.dumps(result)
        except Exception as error:  # any class may refuse in its own way
            self._warn(f"is not cached: its result cannot be kept: {error}")
            return
        head = _MAGIC + sha256(body).hexdigest().encode()
        try:
            _store().write(function_key(key), head + b"\n" + body)
        except StorageError as error:
            self._warn(f"is not cached: {error.text}")

    def _importable(self) -> bool:
        import sys

        found: object = sys.modules.get(self.__module__)
        for name in self._name.split("."):
            found = getattr(found, name, None)
        return found is self

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"{self._name} {text}", stacklevel=3)


@overload
def cacheable(function: Callable[P, R], /) -> CachedFunction[P, R]: ...
@overload
def cacheable(*, version: object = None) -> Callable[[Callable[P, R]], CachedFunction[P, R]]: ...
def cacheable(function: Any = None, /, *, version: object = None) -> Any:
    """Keep the results of a function's calls: `@cacheable` or `@cacheable(version=2)`.

    A result is found again when the function's name and source, the arguments and `version`
    are the same. The source includes the functions, classes and plain values that it names
    in its own module; a change elsewhere is told by another `version` (anything with a
    stable repr). Results are kept in the session's storage below `cache/functions/`, or
    without a session in `./.scalable/cache/functions/`, and need `cloudpickle`. Arguments
    without a stable form, and results that cannot be pickled, are not cached and give one
    warning. Raises TypeError for anything but a function that returns its result.
    """
    if function is None:
        return functools.partial(_decorate, version=version)
    return _decorate(function, version=version)


def _decorate(function: Any, *, version: object) -> CachedFunction[Any, Any]:
    if not isinstance(function, FunctionType):
        raise TypeError(f"@cacheable stands before a function, not before {function!r}")
    unfit = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(is_so(function) for is_so in unfit):
        raise TypeError(f'@cacheable: "{function.__qualname__}" does not return its result')
    return CachedFunction(function, version, None)


def function_key(key: str) -> str:
    """Where the result of the call with this key lies in the store."""
    return f"cache/functions/{key[:2]}/{key}"


def _store() -> Store:
    known = storage.get()
    if known is not None:
        return known
    from scalable_cli.store.local import LocalStore

    return LocalStore(Path.cwd() / DEFAULT_FOLDER)
