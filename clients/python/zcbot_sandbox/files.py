# SPDX-License-Identifier: Apache-2.0
"""The files of a workspace, accessed by commands.

Paths are arguments of programs and of constant scripts, so no path is interpreted as a script or an option.
All commands run as the sandbox's user, so a link leads no further than in a command of the user's.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, BinaryIO

from . import requests
from .errors import (
    CommandLostError,
    CommandNotStartedError,
    FileError,
    InvalidRequestError,
    SandboxError,
    SandboxGoneError,
)
from .result import Result

if TYPE_CHECKING:
    from .client import Sandbox

WORKSPACE = "/workspace"

#: The types of content that is not read from a file.
IN_MEMORY = (bytes, bytearray, memoryview, str)

#: The first piece of a file is small enough to come with the answer; the others are streamed.
_FIRST_PIECE = 128 * 1024
_PIECE = 4 << 20

_TIMEOUT = 300.0

#: How often a piece is read or written at most, if the sandbox or its worker ends meanwhile.
_ATTEMPTS = 3

#: Arguments: target, its directory, a temporary file there. Writes standard input to the temporary file.
_WRITE = """
set -eu
mkdir -p -- "$2"
if [ -d "$1" ]; then echo 'is a directory' >&2; exit 1; fi
umask 077
cat >"$3"
"""

#: More arguments: mode, size. Others see the old file until the new one is complete. Does nothing if an earlier run has
#: renamed the file and its answer was lost, so nothing else may remove the temporary file before this has ended.
_COMPLETE = """
set -eu
if [ ! -e "$3" ] && [ "$(stat -c %s -- "$1")" = "$5" ]; then exit 0; fi
if [ "$(stat -c %s -- "$3")" != "$5" ]; then echo 'not all of it arrived' >&2; exit 1; fi
chmod -- "$4" "$3"
mv -fT -- "$3" "$1"
"""

#: Arguments: those of ``_COMPLETE``.
_WRITE_AND_COMPLETE = f"""
trap 'rm -f -- "$3"' EXIT
{_WRITE}
{_COMPLETE}
"""

#: The errors after which no such command has run, or it has removed its temporary file.
_LEAVES_NOTHING = (InvalidRequestError, CommandNotStartedError, FileError)

#: Arguments: source, start, size. Opening a FIFO would wait for a writer, and reading a device might never end.
_READ = """
if [ -e "$1" ] && [ ! -f "$1" ] && [ ! -d "$1" ]; then echo 'is not a regular file' >&2; exit 1; fi
exec dd if="$1" bs=64K iflag=skip_bytes,count_bytes,fullblock skip="$2" count="$3" status=none
"""

#: How many entries of a directory are listed at most, because the sandbox says how many there are, and each takes
#: more memory than its bytes.
_MAX_ENTRIES = 100_000

#: Longer than any entry in a listing, whose name has at most 255 bytes.
_MAX_ENTRY_BYTES = 4096

_KINDS = {"f": "file", "d": "directory", "l": "link"}


@dataclass(frozen=True)
class Entry:
    """An entry of a directory. ``kind`` is ``file``, ``directory``, ``link`` or ``other``; ``size`` is in
    bytes.

    A name that is not UTF-8 has surrogates (``os.fsencode`` returns its bytes), and cannot be used as a path.
    """

    name: str
    kind: str
    size: int
    modified: datetime


def resolved(path: str) -> str:
    """Returns an absolute path; a relative one begins in the workspace."""
    if not isinstance(path, str) or not path:
        raise InvalidRequestError("path", "is empty; give a path, absolute or in the workspace")
    if "\0" in path:
        raise InvalidRequestError("path", "has a NUL character; remove it")
    absolute = path if path.startswith("/") else f"{WORKSPACE}/{path}"
    try:
        size = len(absolute.encode())
    except UnicodeEncodeError:
        raise InvalidRequestError("path", "is not UTF-8, so no request can hold it") from None
    if size > requests.MAX_DIRECTORY_BYTES:
        raise InvalidRequestError("path", f"takes more than {requests.MAX_DIRECTORY_BYTES} bytes")
    return absolute


class Files:
    """Reads and writes the files of a sandbox; makes the sandbox if there is none. Thread-safe.

    Relative paths begin in ``/workspace``. Methods raise ``FileError`` if the sandbox refuses,
    ``InvalidRequestError`` for an invalid argument, and the errors of :meth:`Sandbox.run`.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def write(
        self, path: str, data: bytes | str | BinaryIO, *, mode: int = 0o644, timeout: float = _TIMEOUT
    ) -> int:
        """Writes a whole file from bytes, text (in UTF-8) or a binary file, and returns the number of bytes.

        ``mode`` is the file's permissions, ``timeout`` the time for each command in seconds. Missing
        directories are created. Other programs see either the old file or all of the new one. If a command is
        killed, its temporary file (``.zcbot-write-…``) is removed soon afterwards, unless the sandbox has
        ended, the client is closed, or Kafka refuses to show answers.
        """
        target = resolved(path)
        if target.endswith("/"):
            raise InvalidRequestError("path", f"{path[:64]!r} names a directory")
        if not 0 <= mode <= 0o777:
            raise InvalidRequestError("mode", f"is {mode!r}; it must be from 0 to 0o777")
        directory = posixpath.dirname(target)
        temporary = posixpath.join(directory, f".zcbot-write-{requests.new_id()}")
        try:
            return self._write(path, (target, directory, temporary), f"{mode:o}", data, timeout)
        except BaseException as e:
            # A file that is read may raise any error. Then the command is killed, and does not remove it itself.
            if not isinstance(data, IN_MEMORY) or not isinstance(e, _LEAVES_NOTHING):
                self._sandbox.run_unattended("rm", "-f", "--", temporary)
            raise

    def _write(
        self, path: str, names: tuple[str, str, str], mode: str, data: bytes | str | BinaryIO, timeout: float
    ) -> int:
        if isinstance(data, IN_MEMORY):
            content = requests.stdin_bytes(data)
            script, size = _WRITE_AND_COMPLETE, len(content)
            # Longer content is sent after the exec, and commands that read such input are never repeated.
            attempts = _ATTEMPTS if size <= requests.MAX_INLINE_INPUT else 1
        else:
            content = None
            script, size, attempts = _COMPLETE, self._write_temporary(path, names, data, timeout), _ATTEMPTS
        command = ("bash", "-c", script, "write", *names, mode, str(size))
        self._run(path, *command, input=content, timeout=timeout, attempts=attempts)
        return size

    def _write_temporary(self, path: str, names: tuple[str, str, str], data: BinaryIO, timeout: float) -> int:
        pieces = _pieces(data)
        with self._sandbox.start("bash", "-c", _WRITE, "write", *names, stdin=True, timeout=timeout) as run:
            size = run.write_from(pieces)
            run.close_stdin()
            _ended(path, run.result())
        if next(pieces, b""):
            raise FileError(path, "the command ended before all of it was sent")
        return size

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """Returns the content of a file.

        Raises ``FileError`` if it is longer than ``max_bytes``, or a FIFO, a socket or a device.
        """
        into = io.BytesIO()
        self.read_into(path, into, max_bytes=max_bytes)
        return into.getvalue()

    def read_into(self, path: str, into: BinaryIO, *, max_bytes: int | None = None) -> int:
        """Copies a file into a binary file, piece by piece, and returns the number of bytes.

        If the file changes meanwhile, the copy can be a mixture of its states. Raises ``FileError`` if the
        file is longer than ``max_bytes``, if that is given; pieces before that are already written.
        """
        source = resolved(path)
        done = 0
        piece = _FIRST_PIECE
        while True:
            data = self._read_piece(path, source, done, piece)
            done += len(data)
            if max_bytes is not None and done > max_bytes:
                raise FileError(path, f"is longer than {max_bytes} bytes")
            into.write(data)
            if len(data) < piece:
                return done
            piece = _PIECE

    def _read_piece(self, path: str, source: str, start: int, size: int) -> bytes:
        result = self._run(
            path,
            "bash",
            "-c",
            _READ,
            "read",
            source,
            str(start),
            str(size),
            max_output_bytes=size + 4096,
            attempts=_ATTEMPTS,
        )
        if result.truncated or len(result.stdout) > size:
            raise FileError(path, "not all of it arrived")
        return result.stdout

    def list(self, path: str = WORKSPACE) -> list[Entry]:
        """Lists a directory, sorted by name.

        Raises ``FileError`` if it has more than 100,000 entries, or more than fit into 16 MiB.
        """
        directory = resolved(path).rstrip("/") + "/"
        result = self._run(
            path,
            "find",
            "-H",
            directory,
            "-ignore_readdir_race",  # other commands may remove entries meanwhile
            "-mindepth",
            "1",
            "-maxdepth",
            "1",
            "-printf",
            "%y %s %T@ %f\\0",
            max_output_bytes=requests.MAX_OUTPUT_BYTES,
            attempts=_ATTEMPTS,
        )
        if result.truncated:
            raise FileError(path, f"has more entries than fit into {requests.MAX_OUTPUT_BYTES} bytes")
        return sorted(_entries(path, result.stdout), key=lambda entry: entry.name)

    def remove(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Removes a file or a link, or with ``recursive`` a directory and all its content.

        Raises ``FileError`` if there is none, unless ``missing_ok`` is set.
        """
        target = resolved(path)
        if posixpath.normpath("/" + target.lstrip("/")) in ("/", WORKSPACE):  # POSIX keeps two leading slashes
            raise InvalidRequestError("path", f"{path[:64]!r} is the workspace; remove what is in it")
        options = (["-r"] if recursive else []) + (["-f"] if missing_ok else [])
        self._run(path, "rm", *options, "--", target)

    def _run(
        self,
        path: str,
        *command: str,
        input: bytes | None = None,
        timeout: float = _TIMEOUT,
        max_output_bytes: int = requests.MAX_INLINE_OUTPUT,
        attempts: int = 1,
    ) -> Result:
        """Runs a command. More than one attempt is only for commands with the same effect if they run twice."""
        lost: SandboxError | None = None
        while True:
            attempts -= 1
            try:
                result = self._sandbox.run(
                    *command, input=input, cwd="/", timeout=timeout, max_output_bytes=max_output_bytes
                )
            except (CommandLostError, SandboxGoneError) as e:
                if attempts <= 0:
                    raise
                lost = e
            except CommandNotStartedError as e:
                if lost is None:
                    raise
                raise lost from e  # an earlier attempt may have run
            else:
                return _ended(path, result)


def _ended(path: str, result: Result) -> Result:
    if not result.ok:
        why = result.error_text.strip()[:500]
        raise FileError(path, why or f"the command ended with {result.exit_code or result.signal}")
    return result


def _pieces(data: BinaryIO) -> Iterator[bytes]:
    while piece := data.read(512 * 1024):
        yield piece


def _entries(path: str, listing: bytes) -> Iterator[Entry]:
    """Parses the output of ``find``, which the sandbox may have replaced: nothing of the size of the whole listing
    is made of it, and it is read up to the first invalid entry only.
    """
    count = start = 0
    while start < len(listing):
        end = listing.find(b"\0", start, start + _MAX_ENTRY_BYTES)
        count += 1
        if count > _MAX_ENTRIES:
            raise FileError(path, f"has more than {_MAX_ENTRIES} entries; list parts of it by a command")
        yield _entry(path, b"" if end < 0 else listing[start:end])
        start = end + 1


def _entry(path: str, line: bytes) -> Entry:
    try:
        kind, size, modified, name = line.decode(errors="surrogateescape").split(" ", 3)
        if name in ("", ".", "..") or "/" in name or not size.isdecimal():
            raise ValueError(name)
        return Entry(
            name=name,
            kind=_KINDS.get(kind, "other"),
            size=int(size),
            modified=datetime.fromtimestamp(float(modified), timezone.utc),
        )
    except (ValueError, OverflowError, OSError):
        raise FileError(path, "the sandbox's answer is not a listing") from None
