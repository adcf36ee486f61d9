# SPDX-License-Identifier: Apache-2.0
"""In which order brokers are asked for what callers wait for. Nothing here blocks or talks to Kafka."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from .interests import COUNT
from .partitions import Place

#: Between two questions about the same, in seconds.
_PAUSE_SECONDS = 0.1

#: What was asked for in vain is known for so long if nobody waits for it any more.
_REMEMBERED_SECONDS = 60.0


class _Vain(NamedTuple):
    """A question without an answer: whether it was for nothing else, and when it was asked."""

    is_alone: bool
    at: float


class Questions:
    """What is new is asked for first, then what others may have spoiled the answer for, and then what nobody
    answered for. One partition without a leader spoils the answer for all that are asked for with it, so only
    those that are new are asked for together. Not safe for concurrent use.
    """

    def __init__(self) -> None:
        self._vain: dict[Place, _Vain] = {}

    def next(self, wanted: set[Place], now: float) -> tuple[list[Place], float]:
        """What to ask for next, which is one topic's ``COUNT`` or partitions; if it is nothing, after how many
        seconds there may be something."""
        self._vain = {
            place: vain
            for place, vain in self._vain.items()
            if place in wanted or now - vain.at < _REMEMBERED_SECONDS
        }
        new = sorted(wanted - self._vain.keys())
        if new:
            return [place for place in new if place[1] == COUNT][:1] or new, 0.0
        if not wanted:
            return [], math.inf
        again = min(wanted, key=self._vain.__getitem__)
        vain = self._vain[again]
        pause = vain.at + _PAUSE_SECONDS - now if vain.is_alone else 0.0
        return ([again], 0.0) if pause <= 0 else ([], pause)

    def asked(self, places: Iterable[Place], now: float, unknown: set[Place], alone: set[Place]) -> None:
        """These were asked for. Some are unknown still, and of those some would spoil the answer for others."""
        for place in places:
            self._vain.pop(place, None)
        self._vain.update((place, _Vain(place in alone, now)) for place in unknown)
