# SPDX-License-Identifier: Apache-2.0
"""How often the use of a sandbox is reported."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from .recent import Recent

#: Users of whom something is known; those that were heard of last.
_MAX_USERS = 10_000

#: An idle TTL that is not known is at least this, unless an operator chose otherwise.
_SHORTEST_TTL = 10.0

#: Reports of use are published this often in an idle TTL. A report that is left out ends a sandbox
#: earlier by as much.
_REPORTS_IN_A_TTL = 10

#: Reports are at most this far apart: a sandbox with a long TTL may be gone, and another one made by a
#: command, with the operator's TTL.
_LONGEST_INTERVAL = 30.0


@dataclass
class _Use:
    ttl: float = _SHORTEST_TTL
    reported: float = -math.inf


class KeepAlives:
    """Users, by their keys, with the idle TTLs of their sandboxes and when a report of use was published last.
    Times are in seconds. Safe for concurrent use.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: Recent[bytes, _Use] = Recent(_MAX_USERS)

    def learn(self, key: bytes, ttl: float) -> None:
        with self._lock:
            self._use(key).ttl = ttl

    def forget(self, key: bytes) -> None:
        """The next sandbox may have another idle TTL."""
        self.learn(key, _SHORTEST_TTL)

    def begin(self, key: bytes, now: float) -> bool:
        """Whether it is time for a report, which the caller publishes."""
        with self._lock:
            use = self._use(key)
            if now - use.reported < min(use.ttl / _REPORTS_IN_A_TTL, _LONGEST_INTERVAL):
                return False
            use.reported = now
            return True

    def failed(self, key: bytes) -> None:
        """It was not published."""
        with self._lock:
            self._use(key).reported = -math.inf

    def _use(self, key: bytes) -> _Use:
        self._uses[key] = use = self._uses.get(key) or _Use()
        return use
