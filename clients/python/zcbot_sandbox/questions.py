# SPDX-License-Identifier: Apache-2.0
"""The order in which brokers are asked for what callers wait for. Nothing here blocks or talks to Kafka."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from .interests import COUNT
from .partitions import Place

#: Time between two questions about the same place, in seconds.
_PAUSE_SECONDS = 0.1

#: How long a question without an answer is remembered when nobody waits for it any more, in seconds.
_REMEMBERED_SECONDS = 60.0


class _Vain(NamedTuple):
    """A question without an answer: whether nothing else was asked for with it, and when it was asked."""

    is_alone: bool
    at: float


class Questions:
    """Chooses the next question: first what is new, then what was asked together with something that may have
    prevented the answer, and last what had no answer on its own.

    One partition without a leader prevents the answer for all that are asked for together with it, so only
    new ones are asked for together. Not safe for concurrent use.
    """

    def __init__(self) -> None:
        self._vain: dict[Place, _Vain] = {}

    def next(self, wanted: set[Place], now: float) -> tuple[list[Place], float]:
        """Returns what to ask for next, one topic's ``COUNT`` or partitions; if that is nothing, also the
        seconds after which there may be something.
        """
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
        """Notes that ``places`` were asked for. ``unknown`` are those without an answer, and ``alone`` those
        of them that would prevent the answer for others.
        """
        for place in places:
            self._vain.pop(place, None)
        self._vain.update((place, _Vain(place in alone, now)) for place in unknown)
