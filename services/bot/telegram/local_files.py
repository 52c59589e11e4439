"""Reads files of a Bot API server in local mode: it answers ``getFile`` with a path on its own disk."""

import logging
import re
from pathlib import Path

from shared.errors import FileOutOfReach, FileTooLargeToFetch

log = logging.getLogger(__name__)

_ABSOLUTE = re.compile(r"/|[A-Za-z]:[/\\]")
NOT_MOUNTED = (
    "the Bot API server runs with --local: mount its folder (--dir) where the bot can read it, and name that place in "
    "G2D_BOT_API_FILES"
)
NOT_FOUND = (
    "G2D_BOT_API_FILES must name the folder that is --dir of the Bot API server, as the bot sees it, and the bot must "
    "be allowed to read it"
)


def is_local(path: str) -> bool:
    """Whether a server's ``file_path`` is one on its own disk, in the spelling of Unix or of Windows."""
    return _ABSOLUTE.match(path) is not None


def read_local(path: str, folder: Path | None, shown: str, *, limit: int) -> bytes:
    """Read a server's file out of the folder in which the bot sees the server's files. Blocks.

    Args:
        path: Absolute, as the server sees it.
        shown: The path as the log may have it: the server names folders after tokens.
        limit: Bytes.

    Raises:
        FileTooLargeToFetch: It has more bytes.
        FileOutOfReach: It can't be read; the log tells the owner what to do.
    """
    if folder is None:
        raise _out_of_reach(shown, NOT_MOUNTED)
    file = find_in(folder, path)
    if file is None:
        raise _out_of_reach(shown, NOT_FOUND)
    try:
        if file.stat().st_size > limit:
            raise FileTooLargeToFetch
        return file.read_bytes()
    except OSError as error:
        raise _out_of_reach(shown, NOT_FOUND, error=type(error).__name__) from error


def find_in(folder: Path, path: str) -> Path | None:
    """The file in ``folder`` that the server knows under ``path``; None where there is none, or it is elsewhere.

    The server's folder has another name here, so the longest end of its path that leads to a file in the folder is
    taken: the folder may be the server's whole one, or that of this bot alone.
    """
    parts = [part for part in re.split(r"[/\\]", path) if part]
    if ".." in parts or "\0" in path:
        return None
    root = folder.resolve()
    for first in range(len(parts)):
        file = root.joinpath(*parts[first:]).resolve()
        # A link may lead out of the folder.
        if file.is_relative_to(root) and _is_file(file):
            return file
    return None


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:
        return False  # A name that is too long, or a folder that may not be entered.


def _out_of_reach(shown: str, to_do: str, **fields: str) -> FileOutOfReach:
    log.error("file of the Bot API server not read", extra={"file": shown, "to_do": to_do, **fields})
    return FileOutOfReach("a local Bot API server's file can't be read")
