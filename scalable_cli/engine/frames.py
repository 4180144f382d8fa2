"""Tracebacks as the user should see them: their own frames, without Dask's and ours."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

_OURS = f"{Path(__file__).parents[1]}/"
_FOREIGN = frozenset(
    """asyncio concurrent contextlib dask distributed runpy scalable scalable_cli threading
    tornado""".split()
)


def user_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without foreign frames; whole when there are no others."""
    links = []
    link = trace
    while link is not None:
        frame = link.tb_frame
        module = str(frame.f_globals.get("__name__", ""))
        # By name, since a frame that comes from a worker may have its paths; a module of ours
        # that was started with -m is called __main__.
        ours = frame.f_code.co_filename.startswith(_OURS)
        if not ours and module.partition(".")[0] not in _FOREIGN:
            links.append(link)
        link = link.tb_next
    kept: TracebackType | None = None
    for link in reversed(links):
        kept = TracebackType(kept, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return kept or trace


def user_trace(error: BaseException) -> str:
    """The text of an error and of those behind it, with the user's frames only."""
    seen: set[int] = set()
    behind: BaseException | None = error
    while behind is not None and id(behind) not in seen:
        seen.add(id(behind))
        behind.__traceback__ = user_frames(behind.__traceback__)
        behind = behind.__cause__ or behind.__context__
    return "".join(traceback.format_exception(error))
