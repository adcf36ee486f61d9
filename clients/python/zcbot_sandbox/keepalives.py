# SPDX-License-Identifier: Apache-2.0
"""Decides how often the use of a sandbox is reported."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from .recent import Recent

#: For how many users, the most recent ones, something is known.
_MAX_USERS = 10_000

#: Stands for an idle TTL that is not known: a report every 3 s. By default, workers accept 10 s and more.
_UNKNOWN_TTL = 30.0

#: How many reports are published in an idle TTL. Leaving out a report can end a sandbox that much
#: earlier.
_REPORTS_IN_A_TTL = 10

#: Reports are at most this far apart, because a sandbox with a long TTL may have been replaced by one
#: with the operator's TTL, which a command has made.
_LONGEST_INTERVAL = 30.0


@dataclass
class _Use:
    ttl: float = _UNKNOWN_TTL
    reported: float = -math.inf


class KeepAlives:
    """The users' idle TTLs and the times of their last reports, by the users' keys. Times are in seconds.
    Safe for concurrent use.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: Recent[bytes, _Use] = Recent(_MAX_USERS)

    def learn(self, key: bytes, ttl: float) -> None:
        with self._lock:
            self._use(key).ttl = ttl

    def forget(self, key: bytes) -> None:
        """Forgets the idle TTL, because the next sandbox may have another one."""
        self.learn(key, _UNKNOWN_TTL)

    def begin(self, key: bytes, now: float) -> bool:
        """Returns whether a report is due, which the caller then publishes."""
        with self._lock:
            use = self._use(key)
            if now - use.reported < min(use.ttl / _REPORTS_IN_A_TTL, _LONGEST_INTERVAL):
                return False
            use.reported = now
            return True

    def failed(self, key: bytes) -> None:
        """Notes that the report was not published."""
        with self._lock:
            self._use(key).reported = -math.inf

    def _use(self, key: bytes) -> _Use:
        self._uses[key] = use = self._uses.get(key) or _Use()
        return use
