# SPDX-License-Identifier: Apache-2.0
"""The files of a workspace, accessed by commands.

Paths are arguments of programs and of constant scripts, so no path is interpreted as a script or an option.
All commands run as the sandbox's user, so a link leads no further than in a command of the user's.
"""

from __future__ import annotations

import io
import posixpath
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, BinaryIO

from . import requests
from .errors import (
    CommandLostError,
    CommandNotStartedError,
    ExistsError,
    FileError,
    InvalidRequestError,
    IsDirectoryError,
    NoAnswerError,
    NoSpaceError,
    NotDirectoryError,
    NotFoundError,
    NotPermittedError,
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

#: How long an operation may take by default.
TIMEOUT = 300.0

#: The longest time-out of one command. By default, workers allow no more.
_COMMAND_SECONDS = 3600.0

#: How often a piece is read or written at most, if the sandbox or its worker ends meanwhile.
_ATTEMPTS = 3

#: Runs programs and ends with the exit code for the reason of a failure. Programs tell the reason only as the words of
#: ``strerror``, at the end of their last line; in the locale C these are the same everywhere. They come behind the path,
#: so no file's name is taken for a reason. In a sandbox of an image that may lack these programs, they are in a directory
#: of the worker's. The codes are the same in the Java client and in ``sandbox cp``.
_PRELUDE = """
PATH=/usr/local/lib/zcbot/bin:$PATH
export LC_ALL=C
end() {
  printf '%s\\n' "$2" >&2
  exit "$1"
}
try() {
  local said code
  { said=$("$@" 2>&1 >&3 3>&-); } 3>&1 && return
  code=$?
  said=${said##*: }
  case $1:$said in
    mkdir:'File exists') end 46 "$said" ;;
    *:'No such file or directory') end 41 "$said" ;;
    *:'File exists') end 42 "$said" ;;
    *:'Permission denied' | *:'Operation not permitted' | *:'Read-only file system' | *:'Device or resource busy')
      end 43 "$said" ;;
    *:'No space left on device' | *:'Disk quota exceeded') end 44 "$said" ;;
    *:'Is a directory') end 45 "$said" ;;
    *:'Not a directory') end 46 "$said" ;;
  esac
  end 1 "${said:-$1 ended with $code}"
}
"""

#: By exit code: the error, what went wrong, and what to do.
_FAILURES: dict[int, tuple[type[FileError], str]] = {
    41: (
        NotFoundError,
        "there is no such file or directory; check the path, which begins in /workspace if it is relative",
    ),
    42: (ExistsError, "it exists already; choose another name, or remove it first"),
    43: (
        NotPermittedError,
        "the sandbox's user is not permitted to do that there; use a path in /workspace or /tmp, or change the"
        " permissions by a command",
    ),
    44: (NoSpaceError, "no space is left there; remove files in the sandbox, or ask the operator for more"),
    45: (IsDirectoryError, "it is a directory; give the path of a file"),
    46: (NotDirectoryError, "it, or a part of it, is a file and not a directory; check the path"),
}

#: Arguments: target, its directory, a temporary file there. Writes standard input to the temporary file.
_WRITE_STEPS = """
[ ! -d "$1" ] || end 45 'is a directory'
try mkdir -p -- "$2/"
umask 077
try dd of="$3" bs=64K status=none
"""

#: More arguments: mode, size. Others see the old file until the new one is complete. Does nothing if an earlier run has
#: renamed the file and its answer was lost, so nothing else may remove the temporary file before this has ended. A
#: symbolic link stays, and what it leads to is replaced.
_COMPLETE_STEPS = """
if [ -L "$1" ]; then
  real=$(readlink -nf -- "$1" && echo /)
  set -- "${real%/}" "${@:2}"
fi
if [ ! -e "$3" ] && [ "$(stat -c %s -- "$1" 2>/dev/null)" = "$5" ]; then exit 0; fi
[ "$(stat -c %s -- "$3" 2>/dev/null)" = "$5" ] || end 1 'not all of it arrived'
[ ! -d "$1" ] || end 45 'is a directory'
try chmod -- "$4" "$3"
try mv -fT -- "$3" "$1"
"""

_WRITE = _PRELUDE + _WRITE_STEPS

_COMPLETE = _PRELUDE + _COMPLETE_STEPS

#: Arguments: those of ``_COMPLETE``.
_WRITE_AND_COMPLETE = f"""{_PRELUDE}
temporary=$3
trap 'rm -f -- "$temporary"' EXIT
{_WRITE_STEPS}
{_COMPLETE_STEPS}
"""

#: Arguments: directory. Other commands may remove entries meanwhile.
_LIST = (
    _PRELUDE
    + """
format='%y %s %T@ %f\\0'
! command -v zcbot-list >/dev/null || { try zcbot-list "$1/." "$format"; exit; }
try find "$1/." -ignore_readdir_race -mindepth 1 -maxdepth 1 -printf "$format"
"""
)

#: Arguments: options of rm, path.
_REMOVE = _PRELUDE + 'try rm $1 -- "$2"\n'

#: The errors after which no such command has run, or it has removed its temporary file.
_LEAVES_NOTHING = (InvalidRequestError, CommandNotStartedError, FileError)

#: Arguments: source, start, size. Opening a FIFO would wait for a writer, and reading a device might never end.
_READ = (
    _PRELUDE
    + """
[ ! -d "$1" ] || end 45 'is a directory'
if [ -e "$1" ] && [ ! -f "$1" ]; then end 1 'is not a regular file, but a FIFO, a socket or a device'; fi
try dd if="$1" bs=64K iflag=skip_bytes,count_bytes,fullblock skip="$2" count="$3" status=none
"""
)

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

    Relative paths begin in ``/workspace``. ``timeout`` is the time for the whole operation, in seconds; then
    ``NoAnswerError`` is raised and its command is killed. Methods raise ``FileError``, or the subclass that says why
    the sandbox refuses, ``InvalidRequestError`` for an invalid argument, and the errors of :meth:`Sandbox.run`.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @property
    def _attempts(self) -> int:
        return _ATTEMPTS if self._sandbox.core.repeats else 1

    def write(
        self, path: str, data: bytes | str | BinaryIO, *, mode: int = 0o644, timeout: float = TIMEOUT
    ) -> int:
        """Writes a whole file from bytes, text (in UTF-8) or a binary file, and returns the number of bytes.

        ``mode`` is the file's permissions. Missing directories are created. Other programs see either the old file or
        all of the new one. If a command is killed, its temporary file (``.zcbot-write-…``) is removed soon
        afterwards, unless the sandbox has ended, the client is closed, or Kafka refuses to show answers.
        """
        task = _Task("write", path, timeout)
        target = resolved(path)
        if target.endswith("/"):
            raise InvalidRequestError("path", f"{path[:64]!r} names a directory")
        if not 0 <= mode <= 0o777:
            raise InvalidRequestError("mode", f"is {mode!r}; it must be from 0 to 0o777")
        directory = posixpath.dirname(target)
        temporary = posixpath.join(directory, f".zcbot-write-{requests.new_id()}")
        try:
            return self._write(task, (target, directory, temporary), f"{mode:o}", data)
        except BaseException as e:
            # A file that is read may raise any error. Then the command is killed, and does not remove it itself.
            if not isinstance(data, IN_MEMORY) or not isinstance(e, _LEAVES_NOTHING):
                self._sandbox.run_unattended("rm", "-f", "--", temporary)
            raise

    def _write(self, task: _Task, names: tuple[str, str, str], mode: str, data: bytes | str | BinaryIO) -> int:
        if isinstance(data, IN_MEMORY):
            content = requests.stdin_bytes(data)
            script, size = _WRITE_AND_COMPLETE, len(content)
            # Longer content is sent after the exec, and commands that read such input are never repeated.
            attempts = self._attempts if size <= requests.MAX_INLINE_INPUT else 1
        else:
            content = None
            script, size, attempts = _COMPLETE, self._write_temporary(task, names, data), self._attempts
        command = ("bash", "-c", script, "write", *names, mode, str(size))
        self._run(task, *command, stdin=content, attempts=attempts)
        return size

    def _write_temporary(self, task: _Task, names: tuple[str, str, str], data: BinaryIO) -> int:
        pieces = _pieces(data)
        command = ("bash", "-c", _WRITE, "write", *names)
        timeout, wait = task.times()
        with self._sandbox.start(*command, stdin=True, cwd="/", timeout=timeout, wait=wait) as run:
            size = run.write_from(pieces)
            run.close_stdin()
            task.ended(run.result())
        if next(pieces, b""):
            raise task.error("the command ended before all of it was sent")
        return size

    def read(self, path: str, *, max_bytes: int = 64 << 20, timeout: float = TIMEOUT) -> bytes:
        """Returns the content of a file.

        Raises ``FileError`` if it is longer than ``max_bytes``, or a FIFO, a socket or a device.
        """
        into = io.BytesIO()
        self.read_into(path, into, max_bytes=max_bytes, timeout=timeout)
        return into.getvalue()

    def read_into(
        self, path: str, into: BinaryIO, *, max_bytes: int | None = None, timeout: float = TIMEOUT
    ) -> int:
        """Copies a file into a binary file, piece by piece, and returns the number of bytes.

        If the file changes meanwhile, the copy can be a mixture of its states. Raises ``FileError`` if the
        file is longer than ``max_bytes``, if that is given; pieces before that are already written.
        """
        task = _Task("read", path, timeout)
        source = resolved(path)
        done = 0
        piece = _FIRST_PIECE
        while True:
            data = self._read_piece(task, source, done, piece)
            done += len(data)
            if max_bytes is not None and done > max_bytes:
                raise task.error(f"it is longer than {max_bytes} bytes; raise max_bytes, or use read_into()")
            into.write(data)
            if len(data) < piece:
                return done
            piece = _PIECE

    def _read_piece(self, task: _Task, source: str, start: int, size: int) -> bytes:
        result = self._run(
            task,
            "bash",
            "-c",
            _READ,
            "read",
            source,
            str(start),
            str(size),
            max_output_bytes=size + 4096,
            attempts=self._attempts,
        )
        if result.truncated or len(result.stdout) > size:
            raise task.error("not all of it arrived")
        return result.stdout

    def list(self, path: str = WORKSPACE, *, timeout: float = TIMEOUT) -> list[Entry]:
        """Lists a directory, sorted by name.

        Raises ``FileError`` if it has more than 100,000 entries, or more than fit into 16 MiB.
        """
        task = _Task("list", path, timeout)
        result = self._run(
            task,
            "bash",
            "-c",
            _LIST,
            "list",
            resolved(path),
            max_output_bytes=requests.MAX_OUTPUT_BYTES,
            attempts=self._attempts,
        )
        if result.truncated:
            raise task.error(f"it has more entries than fit into {requests.MAX_OUTPUT_BYTES} bytes")
        return sorted(_entries(task, result.stdout), key=lambda entry: entry.name)

    def remove(
        self, path: str, *, recursive: bool = False, missing_ok: bool = False, timeout: float = TIMEOUT
    ) -> None:
        """Removes a file or a link, or with ``recursive`` a directory and all its content.

        Raises ``NotFoundError`` if there is none, unless ``missing_ok`` is set.
        """
        task = _Task("remove", path, timeout)
        target = resolved(path)
        if posixpath.normpath("/" + target.lstrip("/")) in ("/", WORKSPACE):  # POSIX keeps two leading slashes
            raise InvalidRequestError("path", f"{path[:64]!r} is the workspace; remove what is in it")
        options = " ".join(["-r"] * recursive + ["-f"] * missing_ok)
        self._run(task, "bash", "-c", _REMOVE, "remove", options, target)

    def _run(
        self,
        task: _Task,
        *command: str,
        stdin: bytes | None = None,
        max_output_bytes: int = requests.MAX_INLINE_OUTPUT,
        attempts: int = 1,
    ) -> Result:
        """Runs a command. More than one attempt is only for commands with the same effect if they run twice."""
        lost: SandboxError | None = None
        while True:
            attempts -= 1
            timeout, wait = task.times()
            try:
                result = self._sandbox.run(
                    *command,
                    stdin=stdin,
                    cwd="/",
                    timeout=timeout,
                    max_output_bytes=max_output_bytes,
                    wait=wait,
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
                return task.ended(result)


class _Task:
    """An operation with a file: what it is, for its errors, and until when it may take."""

    def __init__(self, action: str, path: str, timeout: float) -> None:
        self._action = action
        self._path = path
        self._timeout = timeout
        self._deadline = time.monotonic() + requests.seconds("timeout", timeout)

    def times(self) -> tuple[float, float]:
        """Returns how long a command may run, and how long it is waited for."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise NoAnswerError(f"could not {self._action} {self._path!r} within {self._timeout} s", "")
        return min(left, _COMMAND_SECONDS), left

    def error(self, why: str, kind: type[FileError] = FileError) -> FileError:
        return kind(self._path, f"could not {self._action} {self._path!r}: {why}")

    def ended(self, result: Result) -> Result:
        """Returns the result of a command that succeeded."""
        if result.ok:
            return result
        if result.exit_code in _FAILURES:
            kind, why = _FAILURES[result.exit_code]
            if kind is IsDirectoryError and self._action == "remove":
                why = "it is a directory; set recursive=True to remove it with its content"
            raise self.error(why, kind)
        said = result.error_text.strip()[:500]
        raise self.error(said or f"its command ended with {result.exit_code or result.signal}")


def _pieces(data: BinaryIO) -> Iterator[bytes]:
    while piece := data.read(512 * 1024):
        yield piece


def _entries(task: _Task, listing: bytes) -> Iterator[Entry]:
    """Parses the output of ``find``, which the sandbox may have replaced: nothing of the size of the whole listing
    is made of it, and it is read up to the first invalid entry only.
    """
    count = start = 0
    while start < len(listing):
        end = listing.find(b"\0", start, start + _MAX_ENTRY_BYTES)
        count += 1
        if count > _MAX_ENTRIES:
            raise task.error(f"it has more than {_MAX_ENTRIES} entries; list parts of it by a command")
        yield _entry(task, b"" if end < 0 else listing[start:end])
        start = end + 1


def _entry(task: _Task, line: bytes) -> Entry:
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
        raise task.error("the sandbox's answer is not a listing") from None
