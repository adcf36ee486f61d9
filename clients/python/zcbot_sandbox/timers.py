# SPDX-License-Identifier: Apache-2.0
"""What is to be done at times of ``time.monotonic``."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


#: Timers that are not worth to be looked through.
_FEW = 1000


class Timer:
    """Something to be done at a time. One that is cancelled holds nothing any more."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        self.act = None


class Timers:
    """Set by any thread, and run by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        #: With so many timers, those that were cancelled are dropped.
        self._most = _FEW

    def at(self, when: float, act: Callable[[], None]) -> Timer:
        timer = Timer(act)
        with self._lock:
            if len(self._timers) >= self._most:
                self._timers = [each for each in self._timers if each[2].act is not None]
                heapq.heapify(self._timers)
                self._most = max(_FEW, 2 * len(self._timers))
            heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def run(self, most: float) -> float:
        """Does what is due; for how many seconds nothing will be, ``most`` if it is longer."""
        while True:
            now = time.monotonic()
            with self._lock:
                if not self._timers or self._timers[0][0] > now:
                    return min(most, self._timers[0][0] - now) if self._timers else most
                act = heapq.heappop(self._timers)[2].act
            if act is not None:
                act()
