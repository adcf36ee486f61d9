# SPDX-License-Identifier: Apache-2.0
"""Requests that wait for an answer: the state of each, and what is done next.

Nothing here blocks or talks to Kafka. ``InFlight`` holds its lock while it hands over output or the end of a
command, or begins another attempt; outcomes are set without the lock.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from . import outcomes, requests
from .errors import NoAnswerError, SandboxError, SandboxFailedError
from .events import Exited, Failed, Output, Ready
from .output import Chunk, OutputSequence, append_output
from .result import Result, error_of, result_of

#: How long after a command's end the next record of its output may take to arrive. All are in the log before the end,
#: but much of it takes its time on a slow connection.
LATE_OUTPUT_SECONDS = 10.0

#: How long the first attempt of a command may wait for its start, if there is time for another one.
FIRST_TRY_SECONDS = 10.0

#: Time beyond a call's deadline. The core's threads keep deadlines, unless a user's Kafka callback hangs in them.
SLACK_SECONDS = 30.0

#: How far the clocks of two hosts may differ.
CLOCK_SECONDS = 2.0

_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 3.0

_T = TypeVar("_T")


class Call(Generic[_T]):
    """A request of a user. ``future`` has its outcome; ``deadline`` is of ``time.monotonic``."""

    #: The kind of the request.
    kind = ""
    #: The kinds of the answers.
    kinds: tuple[str, ...] = ()
    #: The one of ``kinds`` without which there is no outcome.
    answer = ""

    def __init__(self, user: str, deadline: float) -> None:
        self.user = user
        self.key = user.encode()
        self.deadline = deadline
        self.id = requests.new_id()
        #: The ids of all attempts. A late ready for an earlier attempt is an answer, too.
        self.ids: list[str] = [self.id]
        self.may_retry = True
        #: Whether nobody waits for the outcome any more, so that nothing may be published.
        self.is_given_up = False
        self.tries = 0
        self.future: Future[_T] = Future()
        self.last_refusal: SandboxError | None = None
        #: Whether the last attempt was refused and the next one is not published yet.
        self.is_backing_off = False
        # Not callbacks of the future, which would keep the call, its input and its output in a reference cycle.
        self._at_end: list[Callable[[], object]] | None = []
        self._at_end_lock = threading.RLock()  # as InFlight.lock

    @property
    def is_over(self) -> bool:
        return self.future.done()

    @property
    def needs_nothing(self) -> bool:
        """Whether nothing may be published for this call any more."""
        return self.is_over or self.is_given_up

    def fail(self, error: BaseException) -> None:
        if outcomes.fail(self.future, error):
            self._end()

    def succeed(self, value: _T) -> None:
        if outcomes.succeed(self.future, value):
            self._end()

    def at_end(self, act: Callable[[], object]) -> None:
        """Calls a function once, in any thread, when the call has its outcome."""
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
        """Returns the record value of an attempt that begins."""
        raise NotImplementedError

    def backoff(self, now: float) -> float | None:
        """Returns when to try again; ``None`` if there is no time for that."""
        if not self.may_retry:
            return None
        longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**self.tries)
        at = now + random.uniform(longest / 2, longest)
        return at if at < self.latest_start else None

    @property
    def latest_start(self) -> float:
        return self.deadline

    def renew(self) -> None:
        """Begins another attempt after one that had no effect. It has another id, because a worker ignores
        further requests with an id that it has answered.
        """
        self.tries += 1
        self.is_backing_off = False
        self.id = requests.new_id()
        self.ids.append(self.id)

    def expired(self, hint: str = "") -> None:
        """Ends the call at its deadline. ``hint`` is for a caller who got no answer."""
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
    """Returns for how many seconds to wait for something that ends at a deadline by itself."""
    return max(0.0, deadline - time.monotonic()) + SLACK_SECONDS


class EnsureCall(Call[Ready]):
    kind = "ensure"
    kinds = ("ready", "failed")
    answer = "ready"

    def __init__(self, user: str, deadline: float, terms: Mapping[str, Any]) -> None:
        super().__init__(user, deadline)
        self.terms = terms

    def value(self, name: str, now: float) -> bytes:
        left = max(0.001, self.deadline - now)
        return requests.ensure_value(self.id, self.user, name, left, self.terms)

    def ready(self, ready: Ready) -> None:
        self.succeed(ready)

    def failed(self, failed: Failed, now: float) -> float | None:
        """Takes a refusal. Returns when to try again; ``None`` if the call has ended."""
        error = SandboxFailedError(failed.reason, failed.message, failed.retryable)
        again = self.backoff(now) if failed.retryable else None
        if again is None:
            self.fail(error)
        self.last_refusal = error
        self.is_backing_off = again is not None
        return again


class ExecCall(Call[Result]):
    """A command, and its output until somebody takes it. The output is bounded by ``max_output_bytes``.

    ``long_input`` is standard input that does not fit into the exec's record.
    """

    kind = "exec"
    answer = "exited"
    #: Whether it waits for its turn among the user's commands.
    takes_turn = True

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
        self.progressed = 0.0  # when its end was read, or output after that
        self._sequence = OutputSequence(request.max_output_bytes)
        # The chunks have a separate lock, so that taking them does not wait for InFlight.
        self._lock = threading.Condition()
        self._chunks: deque[Chunk] = deque()
        self._wakers: list[Callable[[], None]] = []
        self.at_end(self._wake)

    @property
    def needs_nothing(self) -> bool:
        return super().needs_nothing or self.exited is not None

    @property
    def latest_start(self) -> float:
        return self.start_by

    def backoff(self, now: float) -> float | None:
        """Returns when to try again; ``None`` if there is no time for that.

        If a worker dies right after a refusal, its successor may still start the exec. So the next attempt
        waits until nobody can start this one any more.
        """
        at = super().backoff(now)
        if at is None:
            return None
        at = max(at, self.try_expires + CLOCK_SECONDS)
        return at if at < self.start_by else None

    def value(self, name: str, now: float) -> bytes:
        self.try_expires = self._try_expires(now)
        return self.request.value(self.id, self.user, name, max(0.001, self.try_expires - now))

    def _try_expires(self, now: float) -> float:
        """Returns when an attempt expires, which leaves time for another one if there is enough."""
        left = self.start_by - now
        if left < 2 * FIRST_TRY_SECONDS or not self.may_retry:
            return self.start_by
        return now + (FIRST_TRY_SECONDS if self.tries == 0 else left / 2)

    def renew(self) -> None:
        super().renew()
        self.last_refusal = None  # this attempt may run

    def output(self, output: Output) -> bool:
        """Takes a record of output; returns whether the call is complete now."""
        self._put(self._sequence.accept(output))
        self.progressed = time.monotonic()
        return self.exited is not None and self._sequence.next >= self.exited.output_count

    def ended(self, exited: Exited, now: float) -> float | None:
        """Takes the answer. Returns when to try again, if nothing ran and there is time, otherwise ``None``."""
        if exited.retryable:
            if exited.reason == "expired":
                self.try_expires = now - CLOCK_SECONDS  # by the worker's clock it is over already
            again = self.backoff(now)
            if again is not None:
                self.last_refusal = error_of(exited, self._result(exited))
                self.is_backing_off = True
                return again
        self.exited = exited
        self.progressed = now
        return None

    @property
    def is_complete(self) -> bool:
        return self.exited is not None and self._sequence.next >= self.exited.output_count

    def finish(self) -> None:
        """Ends the call of a command that has ended, without waiting for more output."""
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
        """Returns the result without streamed output, which is added when the caller asks for the result."""
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
                append_output(self._chunks, chunks)
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._lock.notify_all()
            wakers = list(self._wakers)
        for waker in wakers:
            waker()

    def add_waker(self, waker: Callable[[], None]) -> None:
        """Adds a function that is called, from any thread, whenever there may be a chunk or the end."""
        with self._lock:
            self._wakers.append(waker)

    def remove_waker(self, waker: Callable[[], None]) -> None:
        with self._lock:
            self._wakers.remove(waker)

    def take(self) -> Chunk | None:
        """Returns the next chunk; ``None`` if there is none yet."""
        with self._lock:
            return self._chunks.popleft() if self._chunks else None

    def wait_chunk(self, seconds: float) -> Chunk | None:
        """Waits for the next chunk; ``None`` at the end, or if there is none in time."""
        with self._lock:
            self._lock.wait_for(lambda: self._chunks or self.is_over, seconds)
            return self._chunks.popleft() if self._chunks else None

    def drain(self) -> tuple[bytes, bytes]:
        """Takes all remaining chunks, and returns their standard output and standard error."""
        with self._lock:
            chunks, self._chunks = self._chunks, deque()
        return (
            b"".join(chunk.data for chunk in chunks if chunk.stream == "stdout"),
            b"".join(chunk.data for chunk in chunks if chunk.stream == "stderr"),
        )
