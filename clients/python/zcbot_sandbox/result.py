# SPDX-License-Identifier: Apache-2.0
"""The result of a command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from . import errors
from .events import Exited


@dataclass(frozen=True)
class Result:
    """How a command ended, and its output.

    Output is hostile: do not print it on a terminal as it is.

    ``exit_code`` is ``None`` if a signal ended the command, and ``signal`` is ``None`` otherwise. ``stdout``
    and ``stderr`` hold the output that ``stream()`` did not yield. ``truncated`` says that output beyond
    ``max_output_bytes`` was dropped; ``text`` raises then, and ``stdout`` has what is left. ``missing_outputs`` is the number of records of output that did not
    arrive (``OutputLostError``), ``survivors`` the number of processes that could not be killed.
    ``took_seconds`` is the time from the command's start to its end; ``cpu_seconds`` is its processor time,
    if known. ``container_id`` is ``None`` if the command never started.
    """

    exec_id: str
    reason: str
    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    truncated: bool
    missing_outputs: int
    survivors: int
    started_at: datetime | None
    took_seconds: float
    cpu_seconds: float | None
    container_id: str | None
    host: str
    worker_id: str

    @property
    def ok(self) -> bool:
        """Whether the command exited with 0."""
        return self.exit_code == 0

    @property
    def text(self) -> str:
        """Standard output decoded as UTF-8, with malformed bytes replaced. Raises ``OutputTruncatedError`` if output
        was dropped: for output that may be cut, use ``stdout``.
        """
        if self.truncated:
            raise errors.OutputTruncatedError(self)
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Standard error decoded as UTF-8, with malformed bytes replaced, as much as there is of it."""
        return self.stderr.decode(errors="replace")

    def check(self) -> Result:
        """Returns this result if the command exited with 0; otherwise raises ``CommandExitError``."""
        if not self.ok:
            raise errors.CommandExitError(self)
        return self


def result_of(exited: Exited, stdout: bytes, stderr: bytes, truncated: bool, missing: int) -> Result:
    """Returns the result of an answer."""
    return Result(
        exec_id=exited.exec_id,
        reason=exited.reason,
        exit_code=exited.exit_code,
        signal=exited.signal,
        stdout=stdout,
        stderr=stderr,
        truncated=truncated,
        missing_outputs=missing,
        survivors=exited.survivors,
        started_at=exited.started_at,
        took_seconds=exited.took_ms / 1000,
        cpu_seconds=None if exited.cpu_ms is None else exited.cpu_ms / 1000,
        container_id=exited.container_id,
        host=exited.host,
        worker_id=exited.worker_id,
    )


def error_of(exited: Exited, result: Result) -> errors.CommandError | None:
    """Returns the error that an answer means; ``None`` if the command ended and all of its output arrived."""
    kinds: dict[str, type[errors.CommandError]] = {
        "timeout": errors.CommandTimeoutError,
        "lost": errors.CommandLostError,
        "sandbox_gone": errors.SandboxGoneError,
        "expired": errors.CommandNotStartedError,
        "rejected": errors.CommandNotStartedError,
        "no_sandbox": errors.CommandNotStartedError,
        "failed": errors.CommandNotStartedError,
    }
    kind = kinds.get(exited.reason)
    # With a newer worker's reason, an exit code or signal says that the command ended.
    ended = exited.exit_code is not None or exited.signal is not None
    if exited.reason in ("exited", "signalled") or (kind is None and ended):
        if not result.missing_outputs:
            return None
        lost = (
            f"{result.missing_outputs} records of output did not arrive; they may be in the log,"
            " 'sandbox watch' shows them"
        )
        return errors.OutputLostError(exited.reason, lost, False, result)
    return (kind or errors.CommandError)(exited.reason, exited.message, exited.retryable, result)
