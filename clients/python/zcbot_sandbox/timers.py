# SPDX-License-Identifier: Apache-2.0
"""Actions that are due at times of ``time.monotonic``."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


#: Up to this number, cancelled timers are not removed early.
_FEW = 1000


class Timer:
    """An action that is due at a time. A cancelled timer holds no reference to its action."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        self.act = None


class Timers:
    """Can be set by any thread, and is run by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        #: At this number of timers, cancelled ones are dropped.
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
        """Runs the actions that are due now; those that become due meanwhile are left to the next run. Returns for
        how many seconds nothing will be due, at most ``most``.
        """
        begun = time.monotonic()
        while True:
            with self._lock:
                if not self._timers or self._timers[0][0] > begun:
                    next_one = self._timers[0][0] - time.monotonic() if self._timers else most
                    return max(0.0, min(most, next_one))
                act = heapq.heappop(self._timers)[2].act
            if act is not None:
                act()
