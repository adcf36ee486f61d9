# SPDX-License-Identifier: Apache-2.0
"""Reads the partitions that contain the records of users for whom somebody waits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from .brokers import END, REFUSALS, UNKNOWN, Brokers
from .errors import LogError
from .interests import COUNT, Interests
from .partitions import Place
from .questions import Questions
from .settings import logger
from .topics import Topics
from .waits import Waits

#: A partition that was not needed for this time is not read any more.
_KEEP_SECONDS = 60.0
#: Time between two checks for partitions that were added or are not needed.
_LOOK_SECONDS = 30.0
#: From how long ago on a partition is read whose position is not in the log any more. Answers may be as old.
_LOOK_BACK_SECONDS = 3600.0
#: How far clocks may differ, where records are looked up by their time.
_CLOCK_SECONDS = 60.0
#: The longest question to brokers. Others wait for it, if it is about a partition without a leader.
_CALL_SECONDS = 2.0
#: The same before a broker was reached, so that callers hear early that none is.
_FIRST_CALL_SECONDS = 1.0
#: A question takes at most the time that the earliest deadline leaves, but is given at least this.
_SHORTEST_CALL_SECONDS = 0.2
#: The thread serves librdkafka's callbacks at least this often.
_SERVE_SECONDS = 1.0
#: Pause after something unexpected.
_PAUSE_SECONDS = 0.1
#: A broker that has just started may not know its topics yet.
_UNKNOWN_SECONDS = 2.0


class Finder:
    """Finds the positions from which partitions are read, and reads them.

    Each partition is read from an end that was known before the first request for its users was written, so
    that no answer can be missed. A partition that was not needed for a minute is not read any more.

    Brokers are asked by one thread, with one question of at most two seconds at a time. A partition whose end
    no broker knows, because it has no leader, delays others who wait for a partition by one or two questions.
    """

    def __init__(self, topics: Topics, brokers: Brokers, consumer: Any, introduce: Callable[[], None]) -> None:
        self._brokers = brokers
        self._consumer = consumer
        #: Called once, in the thread, when a broker has answered.
        self._introduce: Callable[[], None] | None = introduce
        self._thread: threading.Thread | None = None
        self._look_at = time.monotonic() + _LOOK_SECONDS
        self._questions = Questions()
        #: The partitions whose positions are not in the log any more.
        self._lost: set[Place] = set()
        self._interests = Interests(topics)
        self.waits = Waits(self._interests)
        self._lock = self.waits.lock

    def hold(self, key: bytes, kinds: Iterable[str], deadline: float) -> Future[None]:
        """See ``Log.hold``."""
        return self.waits.hold(key, kinds, deadline, self._start)

    def join(self) -> bool:
        """Waits for the thread after ``stop``. Returns whether it has ended, so that no consumer is in use
        any more.
        """
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(3 * _CALL_SECONDS)
        return thread is None or not thread.is_alive()

    def patience(self) -> float:
        """Returns how long a question may take, in seconds. First ends the waits whose deadlines have passed
        during the previous question.
        """
        self.waits.settle(self._brokers.reach)
        left = self.waits.earliest_deadline() - time.monotonic()
        longest = _CALL_SECONDS if self._brokers.reach.is_reached else _FIRST_CALL_SECONDS
        return max(_SHORTEST_CALL_SECONDS, min(longest, left))

    # --- in the thread that reads ----------------------------------------------------------------

    def refused(self, place: Place, at: int, error: LogError) -> None:
        """Notes that a broker refuses to show a partition from an offset on. librdkafka reports that only
        once, so it is remembered until the partition can be read; until then nothing is held in its topic.
        """
        with self._lock:
            if self._interests.refuse(place, error):
                # Otherwise its end, which shows that it can be read, would not be reported a second time.
                self._consumer.incremental_unassign([TopicPartition(*place)])
                self._consumer.incremental_assign([TopicPartition(*place, max(at, END))])
        self.waits.refuse_kinds(error)

    def lost(self, place: Place) -> None:
        """Notes that a partition can't be read on, because its position is not in the log any more."""
        with self._lock:
            self._lost.add(place)
            self.waits.news.notify()

    def showed(self, topic: str) -> None:
        """Notes that a broker shows one of a topic's partitions."""
        if self._interests.is_any_refused:
            with self._lock:
                self._interests.allow(topic)

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="zcbot-sandbox-ask", daemon=True)
            thread.start()
            self._thread = thread

    # --- in the thread: what callers wait for ----------------------------------------------------

    def _run(self) -> None:
        while not self.waits.is_stopped:
            try:
                self._brokers.serve()
                if time.monotonic() >= self._look_at:
                    self._look_at = time.monotonic() + _LOOK_SECONDS
                    self._look()
                places = self._await_question()
                if places:
                    self._ask_for(places)
                else:
                    self._find_lost()
            except BaseException:  # noqa: BLE001 - a callback is the user's, and others wait
                logger.exception("brokers could not be asked; please report this")
                time.sleep(_PAUSE_SECONDS)

    def _await_question(self) -> list[Place]:
        self.waits.settle(self._brokers.reach)
        now = time.monotonic()
        with self._lock:
            places, pause = self._questions.next(self.waits.wanted(), now)
            if not places and not self.waits.is_stopped:
                self.waits.news.wait(max(0.0, min(pause, _SERVE_SECONDS, self._look_at - now)))
            return places

    def _ask_for(self, places: list[Place]) -> None:
        if places[0][1] == COUNT:
            self._ask_for_count(places[0])
        else:
            self._ask_for_ends(places)
        with self._lock:
            unknown = {place for place in places if not self._interests.is_known(place)}
        alone = unknown if len(places) == 1 else self._without_leader(unknown)
        with self._lock:
            self._questions.asked(places, time.monotonic(), unknown, alone)

    def _ask_for_count(self, place: Place) -> None:
        topic, asked_at = place[0], time.time()
        try:
            count = len(self._brokers.leaders(topic, self.patience()))
        except KafkaException as e:
            error = e.args[0]
            if error.code() in REFUSALS | UNKNOWN:
                refusal = LogError(
                    f"{topic} can't be read: {error.str()}; workers create the topics when they start,"
                    " and a reply topic has to be created by an operator"
                )
                self.waits.refuse([place], refusal, _UNKNOWN_SECONDS if error.code() in UNKNOWN else 0.0)
            return
        with self._lock:
            self._interests.count(topic, count, asked_at)
        introduce, self._introduce = self._introduce, None
        if introduce is not None:
            introduce()

    def _ask_for_ends(self, places: list[Place]) -> None:
        try:
            ends = self._brokers.offsets(places, END, self.patience())
        except KafkaException as e:
            logger.info("while asking for offsets: %s", e)
            return
        try:
            with self._lock:
                self._read(ends)
        except KafkaException as e:
            self.waits.refuse(places, LogError(f"the answers can't be read: {e.args[0].str()}"))

    def _read(self, offsets: Mapping[Place, int]) -> None:
        """Reads partitions from the given offsets on. Called with the lock."""
        new = [place for place in offsets if not self._interests.is_known(place)]
        if new:
            self._consumer.incremental_assign([TopicPartition(*place, offsets[place]) for place in new])
            self._interests.read(new, time.monotonic())

    def _without_leader(self, places: Iterable[Place]) -> set[Place]:
        """Returns the partitions without a leader, as far as brokers know. They may not know of a leader that
        has just failed.
        """
        without: set[Place] = set()
        for topic in sorted({topic for topic, _ in places}):
            if self.waits.is_stopped:
                break
            try:
                leaders = self._brokers.leaders(topic, self.patience())
            except KafkaException as e:
                logger.info("while asking for leaders: %s", e)
                break
            without |= {(topic, number) for number, leader in leaders.items() if leader < 0}
        return without.intersection(places)

    # --- in the thread: what changes by itself ---------------------------------------------------

    def _look(self) -> None:
        """Reads partitions that were added to the topics, and stops reading those that are not needed."""
        with self._lock:
            topics = self._interests.topics()
        for topic in sorted(topics):
            if self.waits.is_stopped:
                return
            try:
                self._look_at_topic(topic)
            except KafkaException as e:
                logger.info("while looking for new partitions of %s: %s", topic, e)
        with self._lock:
            idle = self._interests.idle(time.monotonic() - _KEEP_SECONDS)
            if idle:
                self._consumer.incremental_unassign([TopicPartition(*place) for place in idle])
                self._interests.leave(idle)

    def _look_at_topic(self, topic: str) -> None:
        looked_at = time.time()
        count = len(self._brokers.leaders(topic, self.patience()))
        # Answers may have been written since the partitions were added, which is after the last check.
        since = int((self._interests.counted_at(topic) - _CLOCK_SECONDS) * 1000)
        offsets: dict[Place, int] = {}
        while not self.waits.is_stopped:
            with self._lock:
                needed = self._interests.needed(topic, count)
                new = {place for place in needed - offsets.keys() if not self._interests.is_known(place)}
                if not new:
                    # Together: otherwise a caller that finds the new count would have them read from their ends.
                    self._read({place: offsets[place] for place in needed & offsets.keys()})
                    self._interests.count(topic, count, looked_at)
                    return
            found = self._offsets_since(new, since)
            if not found:
                return  # left to the next check
            offsets.update(found)

    def _find_lost(self) -> None:
        """Reads on where a position was lost; in one partition at a time, since callers wait for other questions."""
        since = int((time.time() - _LOOK_BACK_SECONDS) * 1000)
        with self._lock:
            self._lost = {place for place in self._lost if self._interests.is_known(place)}
            if not self._lost:
                return
            place = random.choice(sorted(self._lost))  # one that has no leader must not keep the others waiting
        try:
            found = self._offsets_since([place], since)
            with self._lock:
                if place in found and self._interests.is_known(place):
                    self._consumer.incremental_unassign([TopicPartition(*place)])
                    self._consumer.incremental_assign([TopicPartition(*place, found[place])])
                    self._lost.discard(place)
        except KafkaException as e:
            logger.info("while looking for a position in %s: %s", place[0], e)

    def _offsets_since(self, places: Iterable[Place], since: int) -> dict[Place, int]:
        """Returns the offsets of the first records since a time in milliseconds."""
        # The ends first, so that records written until the answer by time arrives come after them.
        ends = self._brokers.offsets(places, END, self.patience())
        since_then = self._brokers.offsets(ends, since, self.patience()) if ends else {}
        return {place: ends[place] if offset == END else offset for place, offset in since_then.items()}
