# SPDX-License-Identifier: Apache-2.0
"""Which partitions are needed, and which are read. Nothing here blocks or talks to Kafka."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .errors import LogError
from .partitions import Place
from .topics import Topics

#: Stands for all partitions of a topic while it is not known how many there are.
COUNT = -1


class _Counted(NamedTuple):
    """How many partitions a topic has, and when brokers were asked for that, by ``time.time``."""

    partitions: int
    at: float


class Interests:
    """The users whose records are waited for, and the partitions that are read for them.

    A partition is read as soon as its start position is known. Times are of ``time.monotonic``, unless stated
    otherwise. Not safe for concurrent use, except that ``release`` may be called in the middle of anything
    else, by the garbage collector.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._counts: dict[str, _Counted] = {}
        #: How often records are held, by kind and user.
        self._held: dict[tuple[str, bytes], int] = {}
        #: When each partition was needed last.
        self._read: dict[Place, float] = {}
        #: The partitions that brokers refuse to show, and the error. They are read once brokers allow it.
        self._refused: dict[Place, LogError] = {}

    def hold(self, key: bytes, kinds: Iterable[str]) -> None:
        """Notes that records of a user are needed, until ``release`` is called with the same arguments."""
        for kind in kinds:
            self._held[kind, key] = self._held.get((kind, key), 0) + 1

    def release(self, key: bytes, kinds: Iterable[str], now: float) -> None:
        for kind in kinds:
            left = self._held.pop((kind, key), 0) - 1
            if left > 0:
                self._held[kind, key] = left
            self._read.update((place, now) for place in self._places(key, kind) if place in self._read)

    def missing(self, key: bytes, kinds: Iterable[str]) -> set[Place]:
        """Returns what must be known before all records of a user are read."""
        return {place for kind in kinds for place in self._places(key, kind) if not self.is_known(place)}

    def is_known(self, place: Place) -> bool:
        return place[0] in self._counts if place[1] == COUNT else place in self._read

    def count(self, topic: str, partitions: int, at: float) -> None:
        """Sets how many partitions a topic had at a time of ``time.time``."""
        self._counts[topic] = _Counted(partitions, at)

    def counted_at(self, topic: str) -> float:
        """Returns the time that was given to ``count``."""
        return self._counts[topic].at

    def read(self, places: Iterable[Place], now: float) -> None:
        self._read.update(dict.fromkeys(places, now))

    def needed(self, topic: str, partitions: int) -> set[Place]:
        """Returns the partitions that would be needed if a topic had that many partitions."""
        keys = {key for kind, key in list(self._held) if self._topics.read_for(kind) == topic}
        return {place for key in keys for place in self._topics.partitions(topic, key, partitions)}

    def topics(self) -> set[str]:
        """Returns the topics of which partitions are needed."""
        return {self._topics.read_for(kind) for kind, _ in list(self._held)}

    def idle(self, since: float) -> list[Place]:
        """Returns the partitions that are read, but were not needed since a time. Refused partitions are left
        out: they are read until they are allowed again.
        """
        needed = {place for kind, key in list(self._held) for place in self._places(key, kind)}
        return [place for place, used in self._read.items() if used < since and place not in needed | self._refused.keys()]

    def refuse(self, place: Place, error: LogError) -> bool:
        """Notes that brokers refuse to show a partition that is read; returns whether that is new."""
        is_new = place in self._read and place not in self._refused
        if is_new:
            self._refused[place] = error
        return is_new

    def refusal(self, kinds: Iterable[str]) -> LogError | None:
        """Returns why answers of some kinds cannot be read; ``None`` if they can. Brokers refuse whole
        topics, but report that for each partition.
        """
        topics = {self._topics.read_for(kind) for kind in kinds}
        return next((error for (topic, _), error in self._refused.items() if topic in topics), None)

    def allow(self, topic: str) -> None:
        """Notes that brokers show the topic."""
        self._refused = {place: error for place, error in self._refused.items() if place[0] != topic}

    @property
    def is_any_refused(self) -> bool:
        return bool(self._refused)

    def leave(self, places: Iterable[Place]) -> None:
        """Notes that partitions are not read any more. If nothing of a topic is read, it is counted again
        when it is next used.
        """
        for place in places:
            del self._read[place]
        read = {topic for topic, _ in self._read}
        self._counts = {topic: counted for topic, counted in self._counts.items() if topic in read}

    def _places(self, key: bytes, kind: str) -> list[Place]:
        topic = self._topics.read_for(kind)
        counted = self._counts.get(topic)
        if counted is None:
            return [(topic, COUNT)]
        return self._topics.partitions(topic, key, counted.partitions)
