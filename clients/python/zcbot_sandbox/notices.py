# SPDX-License-Identifier: Apache-2.0
"""Calls users' functions in a separate thread, so that a slow one delays no answer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from .settings import logger

#: How many calls may wait. A notice is at most 64 KiB.
_MAX_WAITING = 256


class Dispatcher:
    """Has one thread, which is started with the first notice. Thread-safe."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[Callable[[Any], object], Any] | None] = queue.Queue(_MAX_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def dispatch(self, function: Callable[[Any], object], event: Any) -> None:
        """Queues a call. Never blocks. If too many calls are waiting, the notice is dropped and logged."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="zcbot-sandbox-notices", daemon=True)
                thread.start()
                self._thread = thread
        try:
            self._queue.put_nowait((function, event))
        except queue.Full:
            logger.warning("a notice was dropped, because the functions for earlier ones are too slow")

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            function, event = item
            try:
                function(event)
            except BaseException:  # noqa: BLE001 - the user's function, and others wait
                logger.exception("a function for notices failed")

    def close(self) -> None:
        """Ends the thread. Calls that have not begun may be dropped."""
        while True:
            try:
                self._queue.put_nowait(None)
                return
            except queue.Full:
                try:
                    self._queue.get_nowait()
                except queue.Empty:
                    pass
