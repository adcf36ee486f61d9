# SPDX-License-Identifier: Apache-2.0
"""The errors of this library. A command that exits with a code other than 0 is not an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .result import Result


class SandboxError(Exception):
    """The base of all errors of this library."""


class InvalidRequestError(SandboxError, ValueError):
    """A request that no worker would accept; nothing was sent.

    ``field`` is the name of the invalid argument, ``problem`` what is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class ClientClosedError(SandboxError):
    """The client was closed, or a command was left, before there was an answer. A command may have run."""

    def __init__(self, message: str = "the client is closed") -> None:
        super().__init__(message)


class LogError(SandboxError):
    """Kafka refuses to store or to show records, for example because of a missing topic or permission."""


class NoAnswerError(SandboxError, TimeoutError):
    """There was no answer in time, or no broker acknowledged the request. A command may have run, or may still run.

    ``request_id`` is the ``event_id`` of the request, under which ``bin/sandbox watch`` shows it; it is empty
    if there is none.
    """

    def __init__(self, message: str, request_id: str) -> None:
        super().__init__(message)
        self.request_id = request_id


class KafkaUnreachableError(SandboxError, ConnectionError):
    """No broker was reached since the client was made: within 10 s, or by an earlier deadline of the call. Nothing
    was published.

    ``address`` has the addresses that were tried, and ``reason`` says why they were not reached. A broker that was
    reached before and is away now is waited for until the call's deadline (``NoAnswerError``).
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"no Kafka broker was reached at {address}: {reason}; nothing was published."
            " Check the argument kafka, and that the brokers run"
        )
        self.address = address
        self.reason = reason


class ClientOverloadedError(SandboxError):
    """Too many commands of the user run or wait, so that this one had no turn. Nothing was published."""


class SandboxFailedError(SandboxError):
    """There is no sandbox, because an ensure could not be met.

    ``reason`` is that of ``sandbox.failed``; newer workers may have reasons that are not in the documentation
    of this version. ``message`` explains the failure to an operator. ``retryable`` says whether the same
    request can succeed later without anyone changing anything.
    """

    def __init__(self, reason: str, message: str, retryable: bool) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.retryable = retryable


class CommandError(SandboxError):
    """A command did not end by itself or by a signal, or part of its output was lost.

    ``reason`` is that of ``sandbox.exited``. If ``retryable`` is true, nothing ran. ``result`` has the output
    up to then, and where the command ran.
    """

    def __init__(self, reason: str, message: str, retryable: bool, result: Result) -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason
        self.message = message
        self.retryable = retryable
        self.result = result


class CommandTimeoutError(CommandError, TimeoutError):
    """The command exceeded its time-out; all of its processes were killed."""


class CommandLostError(CommandError):
    """The command may have run, and its end is unknown: its worker is gone, or lost its connection to the sandbox."""


class SandboxGoneError(CommandError):
    """The sandbox ended while the command ran, or (``retryable``) before it could start."""


class CommandNotStartedError(CommandError):
    """The command was not started: ``rejected``, ``expired``, ``no_sandbox`` or ``failed``."""


class OutputLostError(CommandError):
    """The command ended by itself or by a signal, but some of its streamed output did not arrive.

    ``result`` says how the command ended, and has the output that arrived.
    """


class CommandExitError(SandboxError):
    """Raised by :meth:`Result.check` for a command that did not exit with 0."""

    def __init__(self, result: Result) -> None:
        end = f"signal {result.signal}" if result.exit_code is None else f"exit code {result.exit_code}"
        super().__init__(f"the command ended with {end}")
        self.result = result


class OutputTruncatedError(SandboxError):
    """Raised by :attr:`Result.text` if output was dropped, because it was more than ``max_output_bytes``. The command
    ran to its end.
    """

    def __init__(self, result: Result) -> None:
        left = len(result.stdout) + len(result.stderr)
        super().__init__(
            f"the command's output was cut off: {left} bytes are left of it, in stdout and stderr. Keep more with"
            " max_output_bytes, at most 16 MiB, or let the command write a file and read it with files.read()"
        )
        self.result = result


class FileError(SandboxError):
    """A file in the sandbox could not be written, read, listed or removed. What the sandbox says is untrusted, and so
    is the reason.

    ``path`` is the path as it was given, ``message`` says what was tried, what went wrong and what to do. The
    subclasses are the reasons that callers may want to handle; each is also the built-in exception of that reason.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class NotFoundError(FileError, FileNotFoundError):
    """There is no such file or directory."""


class ExistsError(FileError, FileExistsError):
    """There is something with that name already."""


class NotPermittedError(FileError, PermissionError):
    """The sandbox's user may not do that there, for example outside of the workspace."""


class NoSpaceError(FileError, OSError):
    """The disk or the user's quota is full."""


class IsDirectoryError(FileError, IsADirectoryError):
    """The path names a directory where a file is needed."""


class NotDirectoryError(FileError, NotADirectoryError):
    """The path, or a part of it, names a file where a directory is needed."""
