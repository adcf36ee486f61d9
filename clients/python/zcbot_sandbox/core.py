# SPDX-License-Identifier: Apache-2.0
"""What the synchronous and the asyncio client have in common: the threads, and the end."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from . import outcomes, requests
from .calls import Call, ExecCall, patience
from .errors import ClientClosedError, LogError, NoAnswerError, SandboxError
from .inflight import InFlight
from .keepalives import KeepAlives
from .listeners import Listener, Listeners, Notice
from .log import Log
from .settings import logger
from .timers import Timers
from .workers import Workers
from .writer import OnDelivery

#: Additional time for a worker that ends a command late, and for the answer to arrive.
GRACE_SECONDS = 20.0

DEFAULT_START_SECONDS = 60.0
DEFAULT_ENSURE_SECONDS = 60.0

#: The threads for what blocks, and how many of them one user has at most.
_THREADS = 8
_THREADS_OF_USER = 2

_TICK = 0.1

#: How long records are read, if there are any, before the timers run again, which may take as long.
_READ_SECONDS = 0.1
_FLUSH_SECONDS = 3.0

_T = TypeVar("_T")


class Core:
    """Two threads: one reads answers and keeps deadlines, the other serves the producer. Nothing can be
    started in a fork or after ``close``.
    """

    def __init__(
        self,
        kafka: str | Mapping[str, Any],
        *,
        topic_prefix: str,
        reply_topic: str | None,
        name: str,
        repeats: bool = True,
        make_log: Callable[..., Log] = Log,
    ) -> None:
        self._pid = os.getpid()
        self._name = requests.label("name", name)
        self.log = make_log(
            kafka,
            client_name=name,
            topic_prefix=topic_prefix,
            reply_topic=reply_topic,
            on_record=self._take,
            on_refusal=self.refused,
        )
        self._timers = Timers()
        self._keep_alives = KeepAlives()
        self._closing = threading.Event()
        self.repeats = repeats
        self._in_flight = InFlight(
            self.log, self._timers, self._keep_alives, name, self._closing, repeats=repeats
        )
        self._listeners = Listeners(self.log)
        self._lock = threading.Lock()
        #: The waits that end with the client, other than calls.
        self._waits: set[Future[Any]] = set()
        self._workers = Workers(_THREADS, _THREADS_OF_USER)
        self._threads = [
            threading.Thread(target=self._repeat, args=(act,), name=f"zcbot-sandbox-{task}", daemon=True)
            for task, act in (("read", self._read), ("write", self._serve))
        ]
        for thread in self._threads:
            thread.start()

    # --- requests ------------------------------------------------------------------------------

    def begin(self, call: Call[Any]) -> None:
        """Publishes a request; blocks until the partitions of its answers are known."""
        try:
            self.begin_soon(call).result(patience(call.deadline))
        except FutureTimeoutError:
            self.late(call)

    def begin_soon(self, call: Call[Any]) -> Future[None]:
        """As ``begin``, without blocking. The future is done when the request is published or the call is
        over.
        """
        try:
            self._refuse_unusable()
        except SandboxError as e:
            call.fail(e)
            begun: Future[None] = Future()
            begun.set_result(None)
            return begun
        return self._in_flight.begin(call)

    def hold(self, user: str, kinds: Iterable[str], deadline: float) -> Future[None]:
        """Reads records of a user, as ``Log.hold``, until ``stop_holding``. Never blocks. A call that needs
        them can begin at once meanwhile.
        """
        self._refuse_unusable()
        return self.log.hold(user.encode(), kinds, deadline)

    def stop_holding(self, user: str, kinds: Iterable[str], held: Future[None]) -> None:
        """Undoes ``hold``, whether the records were already read or not."""
        if not held.cancel() and held.exception() is None:
            self.log.release(user.encode(), kinds)

    def abandon(self, call: Call[Any], error: BaseException) -> None:
        """Gives up a call for which nobody waits: a request that is not published yet will not be, and a
        command is killed.
        """
        self._in_flight.abandon(call, error)

    def late(self, call: Call[Any]) -> None:
        """Ends a call whose caller has waited long enough, because the thread that should end it hangs. Does
        nothing if the call has ended.
        """
        self.abandon(call, NoAnswerError("no answer in time", call.id))

    def send_input(
        self,
        call: ExecCall,
        content: Mapping[str, Any],
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Publishes input. Never blocks; raises ``BufferError`` if the producer is full."""
        self._refuse_unusable()
        self._in_flight.send_input(call, content, on_delivery)

    def send_release(
        self,
        user: str,
        within: float,
        container_id: str | None,
        on_delivery: OnDelivery,
    ) -> None:
        """Publishes a release, in the same way as ``send_input``."""
        self._refuse_unusable()
        self._keep_alives.forget(user.encode())
        value = requests.release_value(user, self._name, within, container_id)
        self.log.publish("release", user.encode(), value, on_delivery=on_delivery)

    def keep_alive(self, user: str) -> bool:
        """Reports use, unless that was done recently; returns whether it did."""
        self._refuse_unusable()
        key = user.encode()
        if not self._keep_alives.begin(key, time.monotonic()):
            return False
        try:
            self.log.publish("activity", key, requests.activity_value(user, self._name))
        except BufferError:
            self._keep_alives.failed(key)
            return False
        return True

    # --- listeners -----------------------------------------------------------------------------

    def listen_soon(self, user: str, kind: str, notice: Notice, deadline: float) -> Future[Listener]:
        """Adds a listener. The future is done when the partition of the notices is known; if it is cancelled,
        there is no listener. ``notice`` must not block.
        """
        self._refuse_unusable()
        return self._listeners.add(Listener(user.encode(), kind, notice), deadline)

    def stop_listening(self, listening: Future[Listener]) -> None:
        """Undoes ``listen_soon``, whether its listener was already added or not."""
        if not listening.cancel() and listening.exception() is None:
            self.unlisten(listening.result())

    def unlisten(self, listener: Listener) -> None:
        if not self.is_of_another_process:
            self._listeners.remove(listener)

    # --- threads -------------------------------------------------------------------------------

    def _take(self, kind: str, key: bytes, value: bytes | None) -> None:
        taker = self._listeners if kind in ("reaped", "expiring") else self._in_flight
        taker.take(kind, key, value)

    def refused(self, error: LogError, kinds: set[str]) -> None:
        """Fails the calls that wait for an answer of a kind that cannot be read, and kills their commands."""
        logger.warning("%s", error)
        self._in_flight.refused(error, kinds)

    def _read(self) -> None:
        wait, began = self._timers.run(_TICK), time.monotonic()
        while self.log.poll(wait) and time.monotonic() - began < _READ_SECONDS:
            wait = 0.0

    def _serve(self) -> None:
        self.log.serve_deliveries(_TICK)

    def _repeat(self, act: Callable[[], None]) -> None:
        while not self._closing.is_set():
            try:
                act()
            except BaseException:  # noqa: BLE001 - a callback is the user's, and others wait
                logger.exception("a record, a delivery or a deadline could not be handled; please report this")
                time.sleep(_TICK)

    def submit(self, user: str, act: Callable[[], _T]) -> Future[_T]:
        """Runs in a thread what blocks, for a caller that must not block. At most two such jobs of a user run
        at a time.
        """
        with self._usable():
            return self._workers.submit(user, act)

    # --- end -----------------------------------------------------------------------------------

    @property
    def is_of_another_process(self) -> bool:
        """Whether this process is a fork, which has none of the threads, and in which locks may be held
        forever.
        """
        return os.getpid() != self._pid

    def _refuse_unusable(self) -> None:
        if self.is_of_another_process:
            raise SandboxError("this client was made before a fork; make one in this process")
        if self._closing.is_set():
            raise ClientClosedError

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Keeps the client from being closed meanwhile."""
        self._refuse_unusable()  # first, because a fork would wait forever for the lock
        with self._lock:
            self._refuse_unusable()
            yield

    def end_with_client(self, wait: Future[Any]) -> None:
        """Makes a wait that is not a call fail when the client is closed."""
        with self._usable():
            self._waits.add(wait)

        def over(_: object) -> None:
            with self._lock:
                self._waits.discard(wait)

        wait.add_done_callback(over)

    def close(self) -> None:
        """Ends all waits with ``ClientClosedError``. Returns within seconds."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
            waits = list(self._waits)
        self.log.stop()
        self._in_flight.close()
        for wait in waits:
            outcomes.fail(wait, ClientClosedError())
        self._workers.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_FLUSH_SECONDS)
        self.log.flush(_FLUSH_SECONDS)
        if not self._threads[0].is_alive():
            self.log.close()
