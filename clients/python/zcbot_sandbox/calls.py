# SPDX-License-Identifier: Apache-2.0
"""Requests that wait for an answer: what is known of each, and what is done next.

Nothing here blocks or talks to Kafka. ``InFlight`` has its lock while it hands over output or the end of a command, or
begins another try; outcomes are set without it.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from . import outcomes, requests
from .errors import NoAnswerError, SandboxError, SandboxFailedError
from .events import Exited, Failed, Output, Ready
from .output import Chunk, OutputSequence
from .result import Result, error_of, result_of

#: Outputs are in the log before the end is; to read them is a matter of moments.
LATE_OUTPUT_SECONDS = 10.0

#: How long the first try of a command may wait for its start, if there is time for another one.
FIRST_TRY_SECONDS = 10.0

#: Beyond a call's deadline, which the core's threads keep unless a callback that was given to Kafka hangs there.
SLACK_SECONDS = 30.0

#: By how much clocks of hosts may differ.
CLOCK_SECONDS = 2.0

_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 3.0

_T = TypeVar("_T")


class Call(Generic[_T]):
    """A request of a user. ``future`` has its outcome; ``deadline`` is of ``time.monotonic``."""

    #: Of the request.
    kind = ""
    #: Of the answers.
    kinds: tuple[str, ...] = ()
    #: That of ``kinds`` without which there is no outcome.
    answer = ""

    def __init__(self, user: str, deadline: float) -> None:
        self.user = user
        self.key = user.encode()
        self.deadline = deadline
        self.id = requests.new_id()
        #: The ids of all tries. A late ready for an earlier one is an answer.
        self.ids: list[str] = [self.id]
        self.may_retry = True
        self.tries = 0
        self.future: Future[_T] = Future()
        self.last_refusal: SandboxError | None = None
        #: Whether the last try was refused and the next one is not published yet.
        self.is_backing_off = False
        # Not callbacks of the future, which keeps them: the call would be a cycle, with its input and output.
        self._at_end: list[Callable[[], object]] | None = []
        self._at_end_lock = threading.RLock()  # as InFlight.lock

    @property
    def is_over(self) -> bool:
        return self.future.done()

    def fail(self, error: BaseException) -> None:
        if outcomes.fail(self.future, error):
            self._end()

    def succeed(self, value: _T) -> None:
        if outcomes.succeed(self.future, value):
            self._end()

    def at_end(self, act: Callable[[], object]) -> None:
        """Called once, in any thread, when the call has its outcome."""
        with self._at_end_lock:
            if self._at_end is not None:
                self._at_end.append(act)
                return
        act()

    def _end(self) -> None:
        with self._at_end_lock:
            acts, self._at_end = self._at_end, None
        for act in acts or ():
            act()

    def value(self, name: str, now: float) -> bytes:
        """The request of a try that begins."""
        raise NotImplementedError

    def backoff(self, now: float) -> float | None:
        """When to try again, if there is time for that."""
        if not self.may_retry:
            return None
        longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**self.tries)
        at = now + random.uniform(longest / 2, longest)
        return at if at < self.latest_start else None

    @property
    def latest_start(self) -> float:
        return self.deadline

    def renew(self) -> None:
        """Another try. Nothing came of the one before, and a worker that has answered an id ignores
        further requests with it."""
        self.tries += 1
        self.is_backing_off = False
        self.id = requests.new_id()
        self.ids.append(self.id)

    def expired(self, hint: str = "") -> None:
        """The deadline has come. The hint is for a caller who got no answer."""
        if self.last_refusal is not None:
            self.fail(self.last_refusal)
        else:
            self.fail(
                NoAnswerError(
                    f"no answer to {self.id} in time; check that a worker runs ('bin/sandbox doctor')"
                    f" and that this client may write and read the topics{hint}",
                    self.id,
                )
            )


def patience(deadline: float) -> float:
    """For how many seconds to wait for what ends at a deadline by itself."""
    return max(0.0, deadline - time.monotonic()) + SLACK_SECONDS


class EnsureCall(Call[Ready]):
    kind = "ensure"
    kinds = ("ready", "failed")
    answer = "ready"

    def __init__(self, user: str, deadline: float, idle_ttl: int | None) -> None:
        super().__init__(user, deadline)
        self.idle_ttl = idle_ttl

    def value(self, name: str, now: float) -> bytes:
        left = max(0.001, self.deadline - now)
        return requests.ensure_value(self.id, self.user, name, left, self.idle_ttl)

    def ready(self, ready: Ready) -> None:
        self.succeed(ready)

    def failed(self, failed: Failed, now: float) -> float | None:
        """When to try again; ``None`` if that is the end."""
        error = SandboxFailedError(failed.reason, failed.message, failed.retryable)
        again = self.backoff(now) if failed.retryable else None
        if again is None:
            self.fail(error)
        self.last_refusal = error
        self.is_backing_off = again is not None
        return again


class ExecCall(Call[Result]):
    """A command, and its output until somebody takes it. Output is bounded by ``max_output_bytes``.

    ``long_input`` is standard input that does not fit into the exec's record."""

    kind = "exec"
    answer = "exited"

    def __init__(
        self, user: str, deadline: float, start_by: float, request: requests.Exec, long_input: bytes
    ) -> None:
        super().__init__(user, deadline)
        self.start_by = start_by
        self.request = request
        self.long_input = long_input
        self.try_expires = self._try_expires(time.monotonic())
        self.kinds = ("output", "exited") if request.stream else ("exited",)
        self.exited: Exited | None = None
        self._sequence = OutputSequence(request.max_output_bytes)
        # The chunks have a lock of their own: who takes them does not wait for InFlight.
        self._lock = threading.Condition()
        self._chunks: deque[Chunk] = deque()
        self._wakers: list[Callable[[], None]] = []
        self.at_end(self._wake)

    @property
    def latest_start(self) -> float:
        return self.start_by

    def backoff(self, now: float) -> float | None:
        """When to try again. A worker that dies right after a refusal may leave the exec to one that
        starts it after all; so the next try waits until nobody starts this one any more."""
        at = super().backoff(now)
        if at is None:
            return None
        at = max(at, self.try_expires + CLOCK_SECONDS)
        return at if at < self.start_by else None

    def value(self, name: str, now: float) -> bytes:
        self.try_expires = self._try_expires(now)
        return self.request.value(self.id, self.user, name, max(0.001, self.try_expires - now))

    def _try_expires(self, now: float) -> float:
        """Leaves time for another try if there is enough of it."""
        left = self.start_by - now
        if left < 2 * FIRST_TRY_SECONDS:
            return self.start_by
        return now + (FIRST_TRY_SECONDS if self.tries == 0 else left / 2)

    def output(self, output: Output) -> bool:
        """Takes a record of output; whether the call is complete now."""
        self._put(self._sequence.accept(output))
        return self.exited is not None and self._sequence.next >= self.exited.output_count

    def ended(self, exited: Exited, now: float) -> float | None:
        """The answer. When to try again, if nothing ran and there is time."""
        if exited.retryable:
            again = self.backoff(now)
            if again is not None:
                self.last_refusal = error_of(exited, self._result(exited))
                self.is_backing_off = True
                return again
        self.exited = exited
        return None

    @property
    def is_complete(self) -> bool:
        return self.exited is not None and self._sequence.next >= self.exited.output_count

    def finish(self) -> None:
        """The command ended, and no more output is waited for."""
        exited = self.exited
        if exited is None or self.is_over:
            return
        self._put(self._sequence.end(exited.output_count if self.request.stream else 0))
        result = self._result(exited)
        error = error_of(exited, result)
        if error is None:
            self.succeed(result)
        else:
            self.fail(error)

    def _result(self, exited: Exited) -> Result:
        """What ``stream()`` hands over is taken out when the result is asked for."""
        most = self.request.max_output_bytes
        stdout = exited.stdout[:most]
        stderr = exited.stderr[: most - len(stdout)]
        cut = len(stdout) + len(stderr) < len(exited.stdout) + len(exited.stderr)
        truncated = exited.truncated or cut or self._sequence.is_over_bound
        return result_of(exited, stdout, stderr, truncated, self._sequence.missing)

    # --- with the chunks' lock only ------------------------------------------------------------

    def _put(self, chunks: list[Chunk]) -> None:
        if chunks:
            with self._lock:
                self._chunks.extend(chunks)
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._lock.notify_all()
            wakers = list(self._wakers)
        for waker in wakers:
            waker()

    def add_waker(self, waker: Callable[[], None]) -> None:
        """Called, from any thread, whenever there may be a chunk or the end."""
        with self._lock:
            self._wakers.append(waker)

    def remove_waker(self, waker: Callable[[], None]) -> None:
        with self._lock:
            self._wakers.remove(waker)

    def take(self) -> Chunk | None:
        """The next chunk, if there is one."""
        with self._lock:
            return self._chunks.popleft() if self._chunks else None

    def wait_chunk(self, seconds: float) -> Chunk | None:
        """The next chunk; ``None`` at the end, or if there is none in time."""
        with self._lock:
            self._lock.wait_for(lambda: self._chunks or self.is_over, seconds)
            return self._chunks.popleft() if self._chunks else None

    def drain(self) -> tuple[bytes, bytes]:
        """All that is left of standard output and standard error."""
        with self._lock:
            chunks, self._chunks = self._chunks, deque()
        return (
            b"".join(chunk.data for chunk in chunks if chunk.stream == "stdout"),
            b"".join(chunk.data for chunk in chunks if chunk.stream == "stderr"),
        )
