# SPDX-License-Identifier: Apache-2.0
"""Requests that wait for an answer: publishes them, and matches the answers with them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from . import events, outcomes, requests
from .calls import LATE_OUTPUT_SECONDS, Call, EnsureCall, ExecCall
from .errors import ClientClosedError, ClientOverloadedError, InvalidRequestError, LogError, NoAnswerError, SandboxError
from .events import Failed, Ready
from .keepalives import KeepAlives
from .log import Log
from .settings import logger
from .timers import Timers
from .turns import COMMANDS_OF_USER, Turns
from .writer import OnDelivery

#: Time between two attempts to hand a record to a producer that is full.
_FULL_SECONDS = 0.1


class InFlight:
    """All calls of a client. Each ends once, at its deadline at the latest.

    Safe for concurrent use. Answers arrive in the thread that runs the timers.
    """

    def __init__(
        self,
        log: Log,
        timers: Timers,
        keep_alives: KeepAlives,
        name: str,
        closing: threading.Event,
        *,
        repeats: bool = True,
    ) -> None:
        self._log = log
        self._timers = timers
        self._keep_alives = keep_alives
        self._name = name
        self._closing = closing
        self._repeats = repeats
        self._is_repeat_logged = False
        #: In the thread that runs the timers, since whoever leaves a turn may have locks.
        self._turns = Turns(lambda begin: timers.at(time.monotonic(), begin))
        #: Reentrant, because the garbage collector can end generators, and with them calls, in any thread.
        self.lock = threading.RLock()
        #: The calls whose requests are published, by user and by the ids of all of their attempts.
        self._calls: dict[bytes, dict[str, Call[Any]]] = {}

    # --- requests ------------------------------------------------------------------------------

    def begin(self, call: Call[Any]) -> Future[None]:
        """Returns a future that is done when the request is published or the call is over. Never blocks."""
        if not self._repeats:
            call.may_retry = False
        if isinstance(call, ExecCall) and call.takes_turn:
            return self._begin_in_turn(call)
        return self._hold(call)

    def _begin_in_turn(self, call: ExecCall) -> Future[None]:
        begun: Future[None] = Future()

        def over() -> None:
            too_late.cancel()
            self._turns.leave(call.key, call)
            outcomes.succeed(begun, None)

        def begin() -> None:
            too_late.cancel()
            if not call.is_over:
                self._hold(call).add_done_callback(lambda _: outcomes.succeed(begun, None))

        too_late = self._timers.at(call.start_by, lambda: self._had_no_turn(call))
        call.at_end(over)
        self._take_turn(call, begin)
        if self._closing.is_set():  # meanwhile
            call.fail(ClientClosedError())
        return begun

    def _take_turn(self, call: ExecCall, begin: Callable[[], None]) -> None:
        try:
            self._turns.take(call.key, call, begin)
        except ClientOverloadedError as e:
            call.fail(call.last_refusal or e)

    def _had_no_turn(self, call: ExecCall) -> None:
        if self._turns.is_waiting(call.key, call):
            call.fail(
                ClientOverloadedError(
                    f"{COMMANDS_OF_USER} commands of the user run or wait in the sandbox already, and none of them"
                    " ended before this one had to start; run fewer at a time"
                )
            )

    def _hold(self, call: Call[Any]) -> Future[None]:
        begun: Future[None] = Future()

        def begin(held: Future[None]) -> None:
            try:
                if not held.cancelled():
                    self._held(call, held.exception())
            except BaseException as e:  # noqa: BLE001 - the caller waits
                call.fail(e)
            finally:
                outcomes.succeed(begun, None)

        held = self._log.hold(call.key, call.kinds, call.deadline)
        if not held.done():  # if the call is given up, no broker has to answer any more
            call.at_end(held.cancel)
        held.add_done_callback(begin)
        return begun

    def _held(self, call: Call[Any], error: BaseException | None) -> None:
        if error is None:
            self._begun(call)
        elif isinstance(error, SandboxError):
            call.fail(error)
        else:  # the deadline came
            problem = f"nothing was published: {error}; check the argument kafka, and the brokers"
            call.fail(NoAnswerError(problem, call.id))

    def _begun(self, call: Call[Any]) -> None:
        with self.lock:
            self._register(call)
        deadline = self._timers.at(call.deadline, lambda: self._expire(call))

        def over() -> None:
            deadline.cancel()
            self.over(call)

        call.at_end(over)
        self._publish(call)
        if self._closing.is_set():  # meanwhile
            call.fail(ClientClosedError())

    def _publish(self, call: Call[Any]) -> None:
        """Publishes one attempt."""
        if call.needs_nothing:
            return
        now = time.monotonic()
        value = call.value(self._name, now)
        if len(value) > events.MAX_VALUE_BYTES:
            call.fail(InvalidRequestError("input", f"makes a record of {len(value)} bytes; send less at once"))
            return

        def delivered(error: SandboxError | None) -> None:
            if isinstance(error, NoAnswerError):
                self.abandon(call, NoAnswerError(str(error), call.id))
            elif error is not None:
                call.fail(error)

        try:
            self._log.publish(call.kind, call.key, value, wants_copies=True, on_delivery=delivered)
        except BufferError:
            self._timers.at(now + _FULL_SECONDS, lambda: self._publish(call))
        except LogError as e:
            call.fail(e)

    def _retry(self, call: Call[Any]) -> None:
        with self.lock:  # whoever sends input has prevented this attempt, or sends it to this one
            if call.needs_nothing:
                return
            refusal = None if call.may_retry else call.last_refusal
            if refusal is None and time.monotonic() >= call.latest_start:
                refusal = call.last_refusal  # it has waited for a turn
            if refusal is None:
                call.renew()
                self._register(call)
        if refusal is None:
            self._publish(call)
        else:
            call.fail(refusal)

    def _register(self, call: Call[Any]) -> None:
        self._calls.setdefault(call.key, {})[call.id] = call

    def send_input(
        self,
        call: ExecCall,
        content: Mapping[str, Any],
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Publishes input. Never blocks; raises ``BufferError`` if the producer is full."""
        if self._closing.is_set():
            raise ClientClosedError
        with self.lock:  # so that no attempt begins after the one that gets the input
            if "data" in content or "data_base64" in content or "eof" in content:
                call.may_retry = False  # another attempt would not have it
            exec_id = call.id
        value = requests.input_value(call.user, exec_id, content)
        self._log.publish("input", call.key, value, on_delivery=on_delivery)

    # --- ends ----------------------------------------------------------------------------------

    def over(self, call: Call[Any]) -> None:
        """Removes a call that has its outcome. Called without the lock."""
        with self.lock:
            of_user = self._calls.get(call.key, {})
            for each in call.ids:
                of_user.pop(each, None)
            if not of_user:
                self._calls.pop(call.key, None)
        self._log.release(call.key, call.kinds)

    def _expire(self, call: Call[Any]) -> None:
        if call.is_over:
            return
        if isinstance(call, ExecCall):
            if call.exited is not None:
                call.finish()
                return
            self._kill(call)
        call.expired(self._log.hint_without_answer(call.answer))

    def abandon(self, call: Call[Any], error: BaseException) -> None:
        """Gives up a call for which nobody waits: a request that is not published yet will not be, and a
        command is killed.
        """
        if call.is_over:
            return
        with self.lock:  # what is not published by now will not be, although the call is not over yet
            call.is_given_up = True
            may_be_published = self._call_of(call.key, call.id) is not None
        if isinstance(call, ExecCall) and may_be_published:
            self._kill(call)
        call.fail(error)

    def _kill(self, call: ExecCall) -> None:
        call.may_retry = False
        try:
            self.send_input(call, {"signal": "KILL"})
        except (BufferError, SandboxError) as e:
            logger.info("a command could not be killed: %s", e)

    def refused(self, error: LogError, kinds: set[str]) -> None:
        """Gives up those whose answers are of one of the kinds, which can't be read. A command that has ended
        still waits for its output, but not long.
        """
        for call in self._waiting():
            has_ended = isinstance(call, ExecCall) and call.exited is not None
            if not has_ended and not kinds.isdisjoint(call.kinds):
                self.abandon(call, error)

    def close(self) -> None:
        """Fails all calls, after the client has begun to close. Commands are not killed."""
        for call in self._waiting() + self._turns.waiting():
            call.fail(ClientClosedError())

    def _waiting(self) -> list[Call[Any]]:
        with self.lock:
            return [call for of_user in list(self._calls.values()) for call in list(of_user.values())]

    # --- answers, in the thread that runs the timers -------------------------------------------

    def take(self, kind: str, key: bytes, value: bytes | None) -> None:
        """Takes a record. Records of users for whom nobody waits are not decoded."""
        if key not in self._calls:
            return
        if kind == "output":
            self._take_output(key, value)
        elif kind == "exited":
            self._take_exited(key, value)
        else:
            self._take_ensured(kind, key, value)

    def _call_of(self, key: bytes, request_id: str) -> Call[Any] | None:
        with self.lock:
            return self._calls.get(key, {}).get(request_id)

    def _take_output(self, key: bytes, value: bytes | None) -> None:
        output = events.decode_output(key, value)
        call = None if output is None else self._call_of(key, output.exec_id)
        if output is None or not isinstance(call, ExecCall):
            return
        with self.lock:
            is_complete = call.output(output)
        if is_complete:
            call.finish()

    def _take_exited(self, key: bytes, value: bytes | None) -> None:
        exited = events.decode_exited(key, value)
        call = None if exited is None else self._call_of(key, exited.exec_id)
        if exited is None or not isinstance(call, ExecCall) or call.exited is not None:
            return
        if (call.is_backing_off or exited.exec_id != call.id) and not exited.has_run:
            return  # a repeated refusal of an attempt that is already over
        if exited.exec_id != call.id:  # a worker has started an earlier attempt after another one had refused it
            self._kill(call)
        now = time.monotonic()
        with self.lock:
            again = call.ended(exited, now)
        if again is not None:
            self._log_repeat(call, exited.reason, exited.message)
            self._turns.leave(call.key, call)  # what did not start must not keep others from running
            self._timers.at(again, lambda: self._take_turn(call, lambda: self._retry(call)))
        elif call.is_complete or not call.request.stream:
            call.finish()
        else:
            self._finish_late(call)

    def _finish_late(self, call: ExecCall) -> None:
        """Ends the call of a command that has ended, once no more output has arrived for a while."""
        due = call.progressed + LATE_OUTPUT_SECONDS
        if time.monotonic() < due:
            self._timers.at(due, lambda: self._finish_late(call))
        else:
            call.finish()

    def _take_ensured(self, kind: str, key: bytes, value: bytes | None) -> None:
        answer: Ready | Failed | None
        answer = events.decode_ready(key, value) if kind == "ready" else events.decode_failed(key, value)
        if answer is None:
            return
        if isinstance(answer, Ready) and answer.idle_ttl_seconds:
            self._keep_alives.learn(key, float(answer.idle_ttl_seconds))
        call = self._call_of(key, answer.ensure_id)
        if not isinstance(call, EnsureCall):
            return
        if isinstance(answer, Ready):
            call.ready(answer)
        elif answer.ensure_id == call.id and not call.is_backing_off:
            again = call.failed(answer, time.monotonic())
            if again is not None:
                self._log_repeat(call, answer.reason, answer.message)
                self._timers.at(again, lambda: self._retry(call))

    def _log_repeat(self, call: Call[Any], reason: str, message: str) -> None:
        """Logs the first repeat."""
        if not self._is_repeat_logged:
            self._is_repeat_logged = True
            logger.warning(
                "the %s %s of %s is repeated (%s: %s); further repeats of this client are not logged, and"
                " repeats=False turns them off",
                *(call.kind, call.id, call.user, reason, message),
            )
