# SPDX-License-Identifier: Apache-2.0
"""Matches answers with requests. What the synchronous and the asyncio client have in common."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from . import events, requests
from .calls import LATE_OUTPUT_SECONDS, Call, EnsureCall, ExecCall, patience
from .errors import ClientClosedError, InvalidRequestError, LogError, NoAnswerError, SandboxError
from .events import Expiring, Failed, Ready, Reaped
from .log import Log
from .settings import logger
from .topics import RESULTS

#: For a worker that ends a command late, and for the way of the answer.
GRACE_SECONDS = 20.0

DEFAULT_START_SECONDS = 60.0
DEFAULT_ENSURE_SECONDS = 60.0

_TICK = 0.1
_FLUSH_SECONDS = 3.0
_REMEMBERED = 10_000
_KNOWN_TTLS = 10_000

#: An idle TTL that is not known is at least this, unless an operator chose otherwise.
_SHORTEST_TTL = 10.0

#: Reports of use are published this often in an idle TTL. A report that is left out ends a sandbox
#: earlier by as much.
_REPORTS_IN_A_TTL = 10

#: Reports are at most this far apart: a sandbox with a long TTL may be gone, and another one made by a
#: command, with the operator's TTL.
_LONGEST_INTERVAL = 30.0

_T = TypeVar("_T")

Notice = Callable[[Any], None]


class _Timer:
    """Something to be done at a time. One that is cancelled holds nothing any more."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        self.act = None


class Listener:
    """Somebody who wants to know of a user's sandboxes' ends."""

    def __init__(self, key: bytes, kind: str, notice: Notice) -> None:
        self.key = key
        self.kind = kind
        self.notice = notice


class Core:
    """Two threads: one reads answers and keeps deadlines, one serves the producer."""

    def __init__(
        self,
        kafka: str | Mapping[str, Any],
        *,
        topic_prefix: str,
        reply_topic: str | None,
        name: str,
        make_log: Callable[..., Log] = Log,
    ) -> None:
        self._pid = os.getpid()
        self.name = requests.label("name", name)
        self.log = make_log(
            kafka,
            client_name=name,
            topic_prefix=topic_prefix,
            reply_topic=reply_topic,
            on_record=self._take,
            on_refusal=self.refused,
        )
        self._lock = threading.Lock()
        self._execs: dict[bytes, dict[str, ExecCall]] = {}
        self._ensures: dict[bytes, dict[str, EnsureCall]] = {}
        self._listeners: dict[bytes, list[Listener]] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._ttls: OrderedDict[bytes, float] = OrderedDict()
        self._kept_alive: OrderedDict[bytes, float] = OrderedDict()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._numbers = itertools.count()
        #: What ends with the client besides calls.
        self._waits: set[Future[Any]] = set()
        self._closing = threading.Event()
        self._closed_lock = threading.Lock()
        self._workers = ThreadPoolExecutor(8, "zcbot-sandbox")
        self._threads = [
            threading.Thread(target=self._read, name="zcbot-sandbox-read", daemon=True),
            threading.Thread(target=self._serve, name="zcbot-sandbox-write", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    # --- requests ------------------------------------------------------------------------------

    def begin(self, call: Call[Any]) -> None:
        """Publishes a request; blocks until the places of its answers are known."""
        try:
            self.begin_soon(call).result(call.patience)
        except FutureTimeoutError:
            call.late()

    def begin_soon(self, call: Call[Any]) -> Future[None]:
        """As ``begin``, without blocking; done when the request is published or the call is over."""
        begun: Future[None] = Future()
        try:
            self._refuse_unusable()
        except SandboxError as e:
            call.fail(e)
            begun.set_result(None)
            return begun

        def begin(held: Future[None]) -> None:
            try:
                if not held.cancelled():
                    self._held(call, held.exception())
            except BaseException as e:  # noqa: BLE001 - the caller waits
                call.fail(e)
            finally:
                _settle(begun)

        held = self.log.hold(call.key, call.kinds, call.deadline)
        if not held.done():  # a call that is given up needs no answer of a broker any more
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
        with self._lock:
            self._register(call)
        deadline = self._at(call.deadline, lambda: self._expire(call))

        def over() -> None:
            deadline.cancel()
            self._over(call)

        call.at_end(over)
        self._publish(call)
        if self._closing.is_set():  # closed meanwhile
            call.fail(_closed())

    def _publish(self, call: Call[Any]) -> None:
        """One try."""
        if call.is_over:
            return
        now = time.monotonic()
        if isinstance(call, ExecCall):
            kind = "exec"
            with self._lock:
                call.begin_try(now)
            value = call.request.value(call.id, call.user, self.name, max(0.001, call.try_expires - now))
        elif isinstance(call, EnsureCall):
            kind = "ensure"
            left = max(0.001, call.deadline - now)
            value = requests.ensure_value(call.id, call.user, self.name, left, call.idle_ttl)
        else:
            raise TypeError(type(call))
        if len(value) > events.MAX_VALUE_BYTES:
            call.fail(InvalidRequestError("input", f"makes a record of {len(value)} bytes; send less at once"))
            return

        def delivered(error: LogError | None) -> None:
            if error is not None:
                call.fail(error)

        try:
            self.log.publish(kind, call.key, value, wants_copies=True, on_delivery=delivered)
        except BufferError:
            self._at(now + _TICK, lambda: self._publish(call))
        except LogError as e:
            call.fail(e)

    def _retry(self, call: Call[Any]) -> None:
        if not call.may_retry and call.last_refusal is not None:
            call.fail(call.last_refusal)
        with self._lock:
            if call.is_over:
                return
            call.renew()
            self._register(call)
        self._publish(call)

    def _register(self, call: Call[Any]) -> None:
        if isinstance(call, ExecCall):
            self._execs.setdefault(call.key, {})[call.id] = call
        elif isinstance(call, EnsureCall):
            self._ensures.setdefault(call.key, {})[call.id] = call

    def _over(self, call: Call[Any]) -> None:
        """The call has its outcome. Called without the lock."""
        with self._lock:
            calls: Any = self._execs if isinstance(call, ExecCall) else self._ensures
            of_user = calls.get(call.key, {})
            for each in call.ids:
                of_user.pop(each, None)
            if not of_user:
                calls.pop(call.key, None)
        self.log.release(call.key, call.kinds)

    def _expire(self, call: Call[Any]) -> None:
        if call.is_over:
            return
        if isinstance(call, ExecCall):
            if call.exited is not None:
                call.finish()
                return
            self.kill_quietly(call)
        call.expired(self.log.hint_without_answer("exited" if isinstance(call, ExecCall) else "ready"))

    def abandon(self, call: Call[Any], error: BaseException) -> None:
        """Nobody waits for a call any more: it is not published if it was not, and a command is killed."""
        if not call.is_over:
            if isinstance(call, ExecCall):
                self.kill_quietly(call)
            call.fail(error)

    def kill_quietly(self, call: ExecCall) -> None:
        call.may_retry = False
        try:
            self.send_input(call, {"signal": "KILL"})
        except (BufferError, SandboxError) as e:
            logger.info("a command could not be killed: %s", e)

    def send_input(
        self,
        call: ExecCall,
        content: Mapping[str, Any],
        on_delivery: Callable[[LogError | None], None] | None = None,
    ) -> None:
        """Never blocks; raises ``BufferError`` if too much is on its way."""
        self._refuse_unusable()
        if "data" in content or "data_base64" in content or "eof" in content:
            call.may_retry = False  # another try would not have it
        value = requests.input_value(call.user, call.id, content)
        self.log.publish("input", call.key, value, on_delivery=on_delivery)

    def send_release(
        self,
        user: str,
        within: float,
        container_id: str | None,
        on_delivery: Callable[[LogError | None], None],
    ) -> None:
        self._refuse_unusable()
        with self._lock:
            self._ttls.pop(user.encode(), None)  # the next sandbox may have another one
        value = requests.release_value(user, self.name, within, container_id)
        self.log.publish("release", user.encode(), value, on_delivery=on_delivery)

    def keep_alive(self, user: str) -> bool:
        """Reports use, at most once in a tenth of the idle TTL or in 30 s; whether it did."""
        self._refuse_unusable()
        key = user.encode()
        now = time.monotonic()
        with self._lock:
            ttl = self._ttls.get(key, _SHORTEST_TTL)
            interval = min(ttl / _REPORTS_IN_A_TTL, _LONGEST_INTERVAL)
            last = self._kept_alive.get(key, -math.inf)
            if now - last < interval:
                return False
            _put(self._kept_alive, key, now, _KNOWN_TTLS)
        try:
            self.log.publish("activity", key, requests.activity_value(user, self.name))
        except BufferError:
            with self._lock:
                self._kept_alive.pop(key, None)
            return False
        return True

    def end_with_client(self, wait: Future[Any]) -> None:
        """A wait that is no call fails when the client is closed."""
        self._refuse_unusable()
        with self._lock:
            self._waits.add(wait)

        def over(_: object) -> None:
            with self._lock:
                self._waits.discard(wait)

        wait.add_done_callback(over)
        if self._closing.is_set():
            _fail(wait, _closed())

    # --- listeners -----------------------------------------------------------------------------

    def listen(self, user: str, kind: str, notice: Notice, deadline: float) -> Listener:
        """Blocks until the place of the notices is known. ``notice`` must not block."""
        listening = self.listen_soon(user, kind, notice, deadline)
        try:
            return listening.result(patience(deadline))
        except BaseException:
            self.stop_listening(listening)
            raise

    def listen_soon(self, user: str, kind: str, notice: Notice, deadline: float) -> Future[Listener]:
        """As ``listen``, without blocking. One that is cancelled listens to nothing."""
        self._refuse_unusable()
        listening: Future[Listener] = Future()
        listener = Listener(user.encode(), kind, notice)

        def listen(held: Future[None]) -> None:
            if held.cancelled():
                return
            error = held.exception()
            if error is not None:
                _fail(listening, error)
                return
            with self._lock:
                self._listeners.setdefault(listener.key, []).append(listener)
            try:
                listening.set_result(listener)
            except InvalidStateError:
                self.unlisten(listener)

        held = self.log.hold(listener.key, (kind,), deadline)
        if not held.done():
            listening.add_done_callback(lambda _: held.cancel())
        held.add_done_callback(listen)
        return listening

    def stop_listening(self, listening: Future[Listener]) -> None:
        """The counterpart of ``listen_soon``, whether its listener is there yet or not."""
        if not listening.cancel() and listening.exception() is None:
            self.unlisten(listening.result())

    def unlisten(self, listener: Listener) -> None:
        if self.is_of_another_process:
            return
        with self._lock:
            of_user = self._listeners.get(listener.key, [])
            if listener not in of_user:
                return
            of_user.remove(listener)
            if not of_user:
                self._listeners.pop(listener.key, None)
        self.log.release(listener.key, (listener.kind,))

    # --- answers, in the reading thread ----------------------------------------------------------

    def _take(self, kind: str, key: bytes, value: bytes | None) -> None:
        """A record. Those of users for whom nothing is waited for are not decoded."""
        if kind in ("output", "exited"):
            if key in self._execs:
                self._take_command(kind, key, value)
        elif kind in ("ready", "failed"):
            if key in self._ensures:
                self._take_ensure(kind, key, value)
        elif key in self._listeners:
            self._take_notice(kind, key, value)

    def _take_command(self, kind: str, key: bytes, value: bytes | None) -> None:
        if kind == "output":
            output = events.decode_output(key, value)
            if output is not None:
                call = self._exec_of(key, output.exec_id)
                if call is not None:
                    with self._lock:
                        complete = call.output(output)
                    if complete:
                        call.finish()
            return
        exited = events.decode_exited(key, value)
        call = None if exited is None else self._exec_of(key, exited.exec_id)
        if exited is None or call is None or call.exited is not None:
            return
        if call.is_backing_off or exited.exec_id != call.id:  # refused before
            return
        now = time.monotonic()
        with self._lock:
            again = call.ended(exited, now)
        if again is not None:
            self._at(again, lambda: self._retry(call))
        elif call.is_complete or not call.request.stream:
            call.finish()
        else:
            self._at(now + LATE_OUTPUT_SECONDS, call.finish)

    def _exec_of(self, key: bytes, exec_id: str) -> ExecCall | None:
        with self._lock:
            return self._execs.get(key, {}).get(exec_id)

    def _take_ensure(self, kind: str, key: bytes, value: bytes | None) -> None:
        answer: Ready | Failed | None
        answer = events.decode_ready(key, value) if kind == "ready" else events.decode_failed(key, value)
        if answer is None:
            return
        with self._lock:
            call = self._ensures.get(key, {}).get(answer.ensure_id)
            if isinstance(answer, Ready) and answer.idle_ttl_seconds:
                _put(self._ttls, key, float(answer.idle_ttl_seconds), _KNOWN_TTLS)
        if call is None:
            return
        if isinstance(answer, Ready):
            call.ready(answer)
        elif answer.ensure_id == call.id and not call.is_backing_off:
            again = call.failed(answer, time.monotonic())
            if again is not None:
                self._at(again, lambda: self._retry(call))

    def _take_notice(self, kind: str, key: bytes, value: bytes | None) -> None:
        event: Reaped | Expiring | None
        event = events.decode_reaped(key, value) if kind == "reaped" else events.decode_expiring(key, value)
        if event is None:
            return
        with self._lock:
            if event.event_id in self._seen:
                return
            _put(self._seen, event.event_id, None, _REMEMBERED)
            notices = [each.notice for each in self._listeners.get(key, []) if each.kind == kind]
        for notice in notices:
            notice(event)

    def refused(self, error: LogError, kinds: set[str]) -> None:
        """Kinds of records can't be read, so nobody gets an answer in them."""
        logger.warning("%s", error)
        self._fail_calls(error, kinds)

    def fail_all(self, error: BaseException) -> None:
        self._fail_calls(error, set(RESULTS))

    def _fail_calls(self, error: BaseException, kinds: set[str]) -> None:
        with self._lock:
            calls: list[Call[Any]] = [c for of_user in self._execs.values() for c in of_user.values()]
            calls += [c for of_user in self._ensures.values() for c in of_user.values()]
        for call in calls:
            if not kinds.isdisjoint(call.kinds):
                call.fail(error)

    # --- threads -------------------------------------------------------------------------------

    def _at(self, when: float, act: Callable[[], None]) -> _Timer:
        timer = _Timer(act)
        with self._lock:
            heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _read(self) -> None:
        while not self._closing.is_set():
            try:
                self.log.poll(self._run_timers())
            except Exception:  # noqa: BLE001 - one record or one call must not end all others
                logger.exception("a record or a deadline could not be handled; please report this")
                time.sleep(_TICK)

    def _run_timers(self) -> float:
        """Does what is due; how long nothing will be."""
        while True:
            now = time.monotonic()
            with self._lock:
                if not self._timers or self._timers[0][0] > now:
                    return min(_TICK, self._timers[0][0] - now) if self._timers else _TICK
                act = heapq.heappop(self._timers)[2].act
            if act is not None:
                act()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                self.log.serve_deliveries(_TICK)
            except Exception:  # noqa: BLE001
                logger.exception("a delivery could not be handled; please report this")
                time.sleep(_TICK)

    # --- end -----------------------------------------------------------------------------------

    def submit(self, act: Callable[[], _T]) -> Future[_T]:
        """For what blocks, where the caller must not."""
        with self._closed_lock:
            self._refuse_unusable()
            return self._workers.submit(act)

    @property
    def is_of_another_process(self) -> bool:
        """Whether this process is a fork. It has none of the threads, and locks may be held for ever."""
        return os.getpid() != self._pid

    def _refuse_unusable(self) -> None:
        if self.is_of_another_process:
            raise SandboxError("this client was made before a fork; make one in this process")
        if self._closing.is_set():
            raise _closed()

    def close(self) -> None:
        """Ends all waits with ``ClientClosedError``. Returns within seconds."""
        with self._closed_lock:
            if self._closing.is_set():
                return
            self._closing.set()
        self.log.stop()
        self.fail_all(_closed())
        with self._lock:
            waits = list(self._waits)
        for wait in waits:
            _fail(wait, _closed())
        self._workers.shutdown(wait=False, cancel_futures=True)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_FLUSH_SECONDS)
        self.log.flush(_FLUSH_SECONDS)
        if not self._threads[0].is_alive():
            self.log.close()


def _closed() -> ClientClosedError:
    return ClientClosedError("the client is closed")


def _settle(wait: Future[None]) -> None:
    try:
        wait.set_result(None)
    except InvalidStateError:
        pass


def _fail(wait: Future[Any], error: BaseException) -> None:
    try:
        wait.set_exception(error)
    except InvalidStateError:
        pass


def _put(table: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)
