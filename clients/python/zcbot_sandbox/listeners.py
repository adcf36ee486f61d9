# SPDX-License-Identifier: Apache-2.0
"""Listeners for notices about users' sandboxes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from . import events, outcomes
from .events import Expiring, Reaped
from .log import Log
from .recent import Recent

#: How many notices are remembered, to recognize repeated ones.
_REMEMBERED = 10_000

Notice = Callable[[Any], None]


class Listener:
    """Calls a function, which must not block, for notices of a kind: ``reaped`` or ``expiring``."""

    def __init__(self, key: bytes, kind: str, notice: Notice) -> None:
        self.key = key
        self.kind = kind
        self.notice = notice


class Listeners:
    """All listeners of a client. Safe for concurrent use."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.RLock()  # as InFlight.lock
        self._listeners: dict[bytes, list[Listener]] = {}
        self._seen: Recent[str, None] = Recent(_REMEMBERED)

    def add(self, listener: Listener, deadline: float) -> Future[Listener]:
        """Adds a listener. The future is done when the partition of its notices is known; if it is cancelled,
        there is no listener.
        """
        listening: Future[Listener] = Future()

        def listen(held: Future[None]) -> None:
            if held.cancelled():
                return
            error = held.exception()
            if error is not None:
                outcomes.fail(listening, error)
                return
            with self._lock:
                self._listeners.setdefault(listener.key, []).append(listener)
            if not outcomes.succeed(listening, listener):
                self.remove(listener)

        held = self._log.hold(listener.key, (listener.kind,), deadline)
        if not held.done():
            listening.add_done_callback(lambda _: held.cancel())
        held.add_done_callback(listen)
        return listening

    def remove(self, listener: Listener) -> None:
        """Removes a listener. It can be called repeatedly."""
        with self._lock:
            of_user = self._listeners.get(listener.key, [])
            if listener not in of_user:
                return
            of_user.remove(listener)
            if not of_user:
                del self._listeners[listener.key]
        self._log.release(listener.key, (listener.kind,))

    def take(self, kind: str, key: bytes, value: bytes | None) -> None:
        """Takes a record. Records of users without a listener are not decoded."""
        if key not in self._listeners:
            return
        event: Reaped | Expiring | None
        event = events.decode_reaped(key, value) if kind == "reaped" else events.decode_expiring(key, value)
        if event is None:
            return
        with self._lock:
            if event.event_id in self._seen:
                return
            self._seen[event.event_id] = None
            notices = [each.notice for each in list(self._listeners.get(key, [])) if each.kind == kind]
        for notice in notices:
            notice(event)
