# SPDX-License-Identifier: Apache-2.0
"""Callers who wait until records of a user are read."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from .brokers import Reach
from .errors import ClientClosedError
from .interests import Interests
from .partitions import Place


#: How long a caller waits for the first contact with a broker. A question and some work may follow.
CONTACT_SECONDS = 7.0


@dataclass(eq=False)
class _Wait:
    key: bytes
    kinds: tuple[str, ...]
    deadline: float
    held: Future[None] = field(default_factory=Future)
    begun: float = field(default_factory=time.monotonic)

    def fail(self, error: Exception) -> None:
        if self.held.set_running_or_notify_cancel():
            self.held.set_exception(error)


class Waits:
    """The callers who wait, and the interests of those who do not wait any more. Safe for concurrent use.
    Callers are called back without the lock.
    """

    def __init__(self, interests: Interests) -> None:
        #: Guards this object and the interests; held only briefly. Reentrant, as InFlight.lock.
        self.lock = threading.RLock()
        #: Notified when somebody waits, or when this is stopped.
        self.news = threading.Condition(self.lock)
        self.is_stopped = False
        self._interests = interests
        self._waits: list[_Wait] = []

    def hold(self, key: bytes, kinds: Iterable[str], deadline: float, begin: Callable[[], None]) -> Future[None]:
        """See ``Log.hold``. ``begin`` is called with the lock, before the caller waits."""
        wait = _Wait(key, tuple(kinds), deadline)
        error: Exception | None
        with self.lock:
            error = ClientClosedError() if self.is_stopped else self._interests.refusal(wait.kinds)
            if error is None and self._missing(wait):
                begin()
                self._waits.append(wait)
                self.news.notify()
                return wait.held
            if error is None:
                self._interests.hold(key, wait.kinds)
        if error is None:
            wait.held.set_result(None)
        else:
            wait.fail(error)
        return wait.held

    def release(self, key: bytes, kinds: Iterable[str]) -> None:
        with self.lock:
            self._interests.release(key, kinds, time.monotonic())

    def wanted(self) -> set[Place]:
        """Returns what must be known. Called with the lock."""
        return {place for wait in self._waits for place in self._missing(wait)}

    def earliest_deadline(self) -> float:
        with self.lock:
            return min((wait.deadline for wait in self._waits), default=math.inf)

    def settle(self, reach: Reach) -> None:
        """Ends the waits that have what they need, or whose time is over."""
        now = time.monotonic()
        reason = f": {reach.trouble}" if reach.trouble else ""
        contact = -math.inf if reach.is_reached else now - CONTACT_SECONDS
        with self.lock:
            ready = self._take(lambda wait: not self._missing(wait))
            ready = [wait for wait in ready if wait.held.set_running_or_notify_cancel()]
            for wait in ready:  # none can be cancelled any more
                self._interests.hold(wait.key, wait.kinds)
            over = self._take(
                lambda wait: wait.deadline <= now or wait.begun <= contact or wait.held.cancelled()
            )
        for wait in ready:
            wait.held.set_result(None)
        for wait in over:
            in_time = TimeoutError(f"no broker answered in time{reason}")
            wait.fail(in_time if reach.is_reached else reach.unreachable())

    def refuse(self, places: Iterable[Place], error: Exception, patience: float = 0.0) -> None:
        """Fails those who need one of the places and have waited for at least ``patience`` seconds."""
        latest = time.monotonic() - patience
        with self.lock:
            refused = self._take(
                lambda wait: wait.begun <= latest and not self._missing(wait).isdisjoint(places)
            )
        for wait in refused:
            wait.fail(error)

    def refuse_kinds(self, error: Exception) -> None:
        """Fails those who need a topic that brokers refuse to show."""
        with self.lock:
            refused = self._take(lambda wait: self._interests.refusal(wait.kinds) is not None)
        for wait in refused:
            wait.fail(error)

    def stop(self) -> None:
        """Fails all waits, and those that begin later."""
        with self.lock:
            self.is_stopped = True
            stopped = self._take(lambda _: True)
            self.news.notify()
        for wait in stopped:
            wait.fail(ClientClosedError())

    def _missing(self, wait: _Wait) -> set[Place]:
        return self._interests.missing(wait.key, wait.kinds)

    def _take(self, is_meant: Callable[[_Wait], bool]) -> list[_Wait]:
        taken = {wait: None for wait in self._waits if is_meant(wait)}
        self._waits = [wait for wait in self._waits if wait not in taken]
        return list(taken)
