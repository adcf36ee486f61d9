# SPDX-License-Identifier: Apache-2.0
"""One producer and one consumer for all users of a process."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from .errors import ClientClosedError, InvalidRequestError, LogError
from .partitions import partition_of

logger = logging.getLogger("zcbot_sandbox")
logger.addHandler(logging.NullHandler())

#: What a worker answers in.
RESULTS = ("ready", "failed", "output", "exited", "reaped", "expiring")

#: What services write.
REQUESTS = ("ensure", "exec", "input", "activity", "release")

#: Those that are copied to a reply topic.
COPIED = ("ready", "failed", "output", "exited")

REPLY_TO = "zcbot_reply_to"
REPLY_OF = "zcbot_reply_of"

_END = -1
_KEEP_SECONDS = 60.0
_LOOK_SECONDS = 30.0
#: By how much clocks may differ, where records are looked for by their time.
_CLOCK_SECONDS = 60.0
#: One question to brokers. Others wait for as long at most, if it is about a partition without a leader.
_CALL_SECONDS = 2.0
#: Or as long as somebody's deadline leaves, but not less.
_SHORTEST_CALL_SECONDS = 0.2
#: Between two questions about the same.
_PAUSE_SECONDS = 0.1
#: The asking thread serves librdkafka's callbacks at least this often.
_SERVE_SECONDS = 1.0
#: Of the log lines and errors of one turn; the rest is for the next.
_MOST_EVENTS = 100
#: A broker that has just started may not know its topics yet.
_UNKNOWN_SECONDS = 2.0

_PRODUCER = {
    "partitioner": "murmur2_random",
    "enable.idempotence": True,
    "linger.ms": 0,
    "queue.buffering.max.kbytes": 32 * 1024,
    "compression.type": "none",
    "message.max.bytes": 1_100_000,
}
_CONSUMER = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    # A partition that is added is read when the broker has answered the fetch that is under way.
    "fetch.wait.max.ms": 100,
    "fetch.max.bytes": 4 << 20,
    "max.partition.fetch.bytes": 1 << 20,
    "queued.max.messages.kbytes": 8 * 1024,
    "fetch.queue.backoff.ms": 20,
    "allow.auto.create.topics": False,
}
#: Together, so that none of them is set to something on which correctness does not rest.
_FIXED = ("partitioner", "enable.idempotence", "enable.auto.commit", "auto.offset.reset")

_REFUSALS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
}
_UNKNOWN = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
}

#: A partition of which the end is not known, or with ``_COUNT`` a topic of which nothing is known.
Place = tuple[str, int]
_COUNT = -1

OnRecord = Callable[[str, bytes, "bytes | None"], None]
OnRefusal = Callable[[LogError], None]


def settings(kafka: str | Mapping[str, Any], client_name: str) -> dict[str, Any]:
    """The properties for librdkafka that both clients have."""
    given = {"bootstrap.servers": kafka} if isinstance(kafka, str) else dict(kafka)
    if not given.get("bootstrap.servers"):
        raise InvalidRequestError("kafka", "names no bootstrap.servers")
    for name in _FIXED:
        if name in given:
            raise InvalidRequestError("kafka", f"sets {name}, which the library sets itself; leave it out")
    usual = {
        "client.id": client_name,
        # Brokers that come back are found within a second.
        "reconnect.backoff.max.ms": 1000,
        # Or a request waits until TCP has acknowledged the one before: 40 ms at worst.
        "socket.nagle.disable": True,
    }
    return {**usual, **given, "logger": logger}


@dataclass(eq=False)
class _Wait:
    """Somebody who waits until records of a user are read."""

    key: bytes
    kinds: tuple[str, ...]
    deadline: float
    held: Future[None] = field(default_factory=Future)
    begun: float = field(default_factory=time.monotonic)


class Log:
    """Writes records, and reads the partitions of the users that are worked for, and no others.

    Each partition is read from an end that was known before the first request for its users was
    written, so an answer can't be missed. One that was not needed for a minute is left.

    Brokers are asked by one thread, one question of at most two seconds at a time. A partition of which none
    tells the end, because it has no leader, delays others who wait for a partition by one or two questions;
    then it is asked for after all that are new.
    """

    def __init__(
        self,
        kafka: str | Mapping[str, Any],
        *,
        client_name: str,
        topic_prefix: str,
        reply_topic: str | None,
        on_record: OnRecord,
        on_refusal: OnRefusal,
    ) -> None:
        both = settings(kafka, client_name)
        group = both.pop("group.id", client_name)
        self._prefix = topic_prefix
        self._reply_topic = reply_topic
        self._on_record = on_record
        self._on_refusal = on_refusal
        self._kinds = {topic_prefix + kind: kind for kind in RESULTS}
        try:
            self._producer: Any = Producer({**_PRODUCER, **_for(both, _CONSUMER)})
            reading = {**_CONSUMER, **_for(both, _PRODUCER), "group.id": group}
            self._consumer: Any = Consumer(reading)
            # Reads nothing: it asks for partitions and their ends, with connections of its own. A broker
            # answers the requests of one in their order, and a fetch after up to 100 ms.
            self._asker: Any = Consumer(reading)
        except KafkaException as e:
            raise InvalidRequestError("kafka", e.args[0].str()) from e
        self._is_stopped = False
        self._is_introduced = False
        # Guards the fields below, and is held for moments only. A partition is among the assigned ones from
        # when its position is known on.
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._waits: list[_Wait] = []
        #: What brokers were asked for in vain: whether for nothing else, and when. Kept for a minute at least.
        self._asked: dict[Place, tuple[bool, float]] = {}
        self._asking: threading.Thread | None = None
        self._counts: dict[str, int] = {}
        self._counted_at: dict[str, float] = {}
        self._assigned: dict[tuple[str, int], float] = {}
        self._held: dict[tuple[str, bytes], int] = {}
        # What the next holder of the lock takes out of _held. It is never longer than the number of holds.
        self._released: deque[tuple[bytes, tuple[str, ...], float]] = deque()
        self._look_at = time.monotonic() + _LOOK_SECONDS

    # --- writing -------------------------------------------------------------------------------

    def publish(
        self,
        kind: str,
        key: bytes,
        value: bytes,
        *,
        wants_copies: bool = False,
        on_delivery: Callable[[LogError | None], None] | None = None,
    ) -> None:
        """Hands a record to the producer. Never blocks; raises ``BufferError`` if it is full."""
        headers = None
        if wants_copies and self._reply_topic is not None:
            headers = [(REPLY_TO, self._reply_topic.encode())]
        topic = self._prefix + kind

        def delivered(error: Any, _: Any) -> None:
            if on_delivery is not None:
                on_delivery(None if error is None else LogError(f"{topic}: {error.str()}"))
            elif error is not None:
                logger.warning("a record of %s was not stored: %s", topic, error.str())

        try:
            self._producer.produce(topic, key=key, value=value, headers=headers, on_delivery=delivered)
        except KafkaException as e:
            raise LogError(f"{topic}: {e.args[0].str()}") from e

    def serve_deliveries(self, seconds: float) -> None:
        """Calls back for what was stored or refused."""
        self._producer.poll(seconds)

    # --- reading -------------------------------------------------------------------------------

    def hold(self, key: bytes, kinds: Iterable[str], deadline: float) -> Future[None]:
        """From when this is done on, records of a user are read, until ``release``. Never blocks.

        It is done at once if no broker has to be asked. ``deadline`` is of ``time.monotonic``; the outcome is
        ``TimeoutError`` if no broker answers by then. One that is cancelled is not held.
        """
        wait = _Wait(key, tuple(kinds), deadline)
        with self._lock:
            if not self._is_stopped and self._missing(wait):
                if self._asking is None:
                    asking = threading.Thread(target=self._ask, name="zcbot-sandbox-ask", daemon=True)
                    asking.start()
                    self._asking = asking
                self._waits.append(wait)
                self._news.notify()
                return wait.held
            if not self._is_stopped:
                self._count_held(key, wait.kinds)
        if self._is_stopped:
            wait.held.set_exception(_closed())
        else:
            wait.held.set_result(None)
        return wait.held

    def release(self, key: bytes, kinds: Iterable[str]) -> None:
        """The counterpart of ``hold``. Never waits: it is called in event loops and in the reading thread."""
        self._released.append((key, tuple(kinds), time.monotonic()))
        if self._lock.acquire(blocking=False):
            try:
                self._count_released()
            finally:
                self._lock.release()

    def poll(self, seconds: float) -> None:
        """Reads at most one record and hands it over."""
        message = self._consumer.poll(seconds)
        if message is None:
            return
        error = message.error()
        if error is not None:
            if error.code() in _REFUSALS:
                self._on_refusal(LogError(f"{message.topic() or 'a topic'} can't be read: {error.str()}"))
            else:
                logger.info("while reading: %s", error.str())
            return
        key = message.key()
        if key is None:
            return
        topic = message.topic()
        kind = self._kinds.get(topic)
        if kind is None and topic == self._reply_topic:
            kind = self._copied_kind(message.headers())
        if kind is not None:
            self._on_record(kind, key, message.value())

    def stop(self) -> None:
        """Ends waits for brokers, from any thread."""
        with self._lock:
            self._is_stopped = True
            waits, self._waits = self._waits, []
            self._news.notify()
        for wait in waits:
            if wait.held.set_running_or_notify_cancel():
                wait.held.set_exception(_closed())

    def flush(self, seconds: float) -> int:
        """Waits until all records are stored; how many are not yet."""
        return int(self._producer.flush(seconds))

    def close(self) -> None:
        """Ends the consumer; nobody may be in ``poll`` any more. What is not stored yet is given up."""
        self.stop()
        self._producer.purge()
        self._producer.flush(1.0)
        if self._asking is not None:
            if self._asking is not threading.current_thread():
                self._asking.join(3 * _CALL_SECONDS)
            if self._asking.is_alive():
                return  # both are in use
        self._consumer.close()
        self._asker.close()

    def hint_without_answer(self, kind: str) -> str:
        """What a caller who got no answer should know, besides that a worker may be missing."""
        if self._reply_topic is None:
            return ""
        return (
            f"; or the answer is in {self._prefix}{kind} and was not copied to the reply topic"
            f" {self._reply_topic}, for which workers need Write and Describe"
            " ('sandbox topics acls --role worker')"
        )

    # --- which partitions ----------------------------------------------------------------------

    def _topic(self, kind: str) -> str:
        if self._reply_topic is not None and kind in COPIED:
            return self._reply_topic
        return self._prefix + kind

    def _partitions(self, key: bytes, kind: str, count: int | None = None) -> list[Place]:
        """Those of a user, also if their topic had so many partitions."""
        topic = self._topic(kind)
        if count is None:
            count = self._counts.get(topic)
        if count is None:
            return []
        if topic == self._reply_topic:
            return [(topic, partition) for partition in range(count)]
        return [(topic, partition_of(key, count))]

    def _missing(self, wait: _Wait) -> set[Place]:
        """What brokers have to be asked for before records of a user are read."""
        missing: set[Place] = set()
        for kind in wait.kinds:
            topic = self._topic(kind)
            if topic in self._counts:
                missing.update(p for p in self._partitions(wait.key, kind) if p not in self._assigned)
            else:
                missing.add((topic, _COUNT))
        return missing

    def _count_held(self, key: bytes, kinds: Iterable[str]) -> None:
        self._count_released()
        for kind in kinds:
            self._held[kind, key] = self._held.get((kind, key), 0) + 1

    def _count_released(self) -> None:
        while self._released:
            key, kinds, at = self._released.popleft()
            for kind in kinds:
                left = self._held.get((kind, key), 0) - 1
                if left > 0:
                    self._held[kind, key] = left
                else:
                    self._held.pop((kind, key), None)
                for partition in self._partitions(key, kind):
                    if partition in self._assigned:
                        self._assigned[partition] = max(at, self._assigned[partition])

    # --- in the asking thread ------------------------------------------------------------------

    def _ask(self) -> None:
        while not self._is_stopped:
            try:
                self._serve_asker()
                if time.monotonic() >= self._look_at:
                    self._look_at = time.monotonic() + _LOOK_SECONDS
                    self._look(time.monotonic())
                places = self._await_question()
                if places:
                    self._ask_for(places)
            except Exception:  # noqa: BLE001 - one question must not end all others
                logger.exception("brokers could not be asked; please report this")
                time.sleep(_PAUSE_SECONDS)

    def _serve_asker(self) -> None:
        """librdkafka calls back (for tokens, log lines, errors) only from here."""
        try:
            for _ in range(_MOST_EVENTS):
                message = self._asker.poll(0)
                if message is None:
                    return
                logger.debug("while asking: %s", message.error())
        except Exception:  # noqa: BLE001 - a callback is the user's
            logger.exception("a callback failed")

    def _await_question(self) -> list[Place]:
        """What to ask brokers next: what is new, then what others may have spoiled the answer for, and then
        what nobody answered for. One partition without a leader spoils the answer for all that are asked for
        with it, so only those that are new are asked for together."""
        self._settle()
        now = time.monotonic()
        with self._lock:
            wanted = {place for wait in self._waits for place in self._missing(wait)}
            self._asked = {
                place: (alone, at)
                for place, (alone, at) in self._asked.items()
                if place in wanted or now - at < _KEEP_SECONDS
            }
            new = sorted(wanted - self._asked.keys())
            if new:
                return [p for p in new if p[1] == _COUNT][:1] or new
            again = min(wanted, key=lambda place: self._asked[place], default=None)
            if again is not None:
                alone, at = self._asked[again]
                if not alone or at + _PAUSE_SECONDS <= now:
                    return [again]
            if not self._is_stopped:
                patience = _SERVE_SECONDS if again is None else _PAUSE_SECONDS
                self._news.wait(max(0.0, min(patience, self._look_at - time.monotonic())))
            return []

    def _settle(self) -> None:
        """Ends the waits that have what they need, or no time left."""
        now = time.monotonic()
        waits: list[_Wait] = []
        ended: list[tuple[_Wait, bool]] = []
        with self._lock:
            for wait in self._waits:
                is_held = not self._missing(wait)
                if not is_held and wait.deadline > now and not wait.held.cancelled():
                    waits.append(wait)
                elif wait.held.set_running_or_notify_cancel():
                    if is_held:
                        self._count_held(wait.key, wait.kinds)
                    ended.append((wait, is_held))
            self._waits = waits
        for wait, is_held in ended:
            if is_held:
                wait.held.set_result(None)
            else:
                wait.held.set_exception(TimeoutError("no broker answered in time"))

    def _patience(self) -> float:
        with self._lock:
            left = min((wait.deadline for wait in self._waits), default=math.inf) - time.monotonic()
        return max(_SHORTEST_CALL_SECONDS, min(_CALL_SECONDS, left))

    def _refuse(self, place: Place, error: LogError, patience: float = 0.0) -> None:
        """Fails those who need a place and have waited for so long."""
        latest = time.monotonic() - patience
        with self._lock:
            refused = [w for w in self._waits if w.begun <= latest and place in self._missing(w)]
            self._waits = [wait for wait in self._waits if wait not in refused]
        for wait in refused:
            if wait.held.set_running_or_notify_cancel():
                wait.held.set_exception(error)

    def _ask_for(self, places: list[Place]) -> None:
        if places[0][1] == _COUNT:
            self._ask_for_count(places[0])
        else:
            try:
                self._assign(self._offsets(places, _END))
            except KafkaException as e:
                for place in places:
                    self._refuse(place, LogError(f"the answers can't be read: {e.args[0].str()}"))
        with self._lock:
            unknown = {
                place
                for place in places
                if (place[0] not in self._counts if place[1] == _COUNT else place not in self._assigned)
            }
        alone = unknown if len(places) == 1 else self._without_leader(unknown)
        now = time.monotonic()
        with self._lock:
            for place in places:
                self._asked.pop(place, None)
            self._asked.update((place, (place in alone, now)) for place in unknown)

    def _without_leader(self, places: set[Place]) -> set[Place]:
        """Those that have none as far as brokers know. They may not know of one that has just failed."""
        without = set()
        for topic in sorted({topic for topic, _ in places}):
            if self._is_stopped:
                break
            try:
                partitions = self._asker.list_topics(topic, timeout=self._patience()).topics[topic].partitions
            except KafkaException as e:
                logger.info("while asking for leaders: %s", e)
                break
            without |= {(topic, number) for number, each in partitions.items() if each.leader < 0}
        return without & places

    def _ask_for_count(self, place: Place) -> None:
        topic, asked_at = place[0], time.time()
        found = self._count(topic)
        if isinstance(found, int):
            with self._lock:
                self._counts[topic] = found
                self._counted_at[topic] = asked_at
            self._introduce()
        elif found.code() in _REFUSALS or found.code() in _UNKNOWN:
            error = LogError(
                f"{topic} can't be read: {found.str()}; workers create the topics when they start,"
                " and a reply topic has to be created by an operator"
            )
            self._refuse(place, error, _UNKNOWN_SECONDS if found.code() in _UNKNOWN else 0.0)

    def _introduce(self) -> None:
        """Has the producer and the consumer learn of all topics, once. The first record of each would
        wait for up to a second, since librdkafka looks that often for topics of which it knows nothing.
        """
        if self._is_introduced:
            return
        self._is_introduced = True
        topics = [(self._producer, self._prefix + kind) for kind in REQUESTS]
        topics += [(self._consumer, topic) for topic in sorted({self._topic(kind) for kind in RESULTS})]
        for client, topic in topics:
            if self._is_stopped:
                return
            try:
                client.list_topics(topic, timeout=self._patience())
            except KafkaException as e:  # whoever uses it hears of that
                logger.info("while asking for %s: %s", topic, e)
                if e.args[0].code() not in _REFUSALS | _UNKNOWN:
                    return  # no broker answers

    def _count(self, topic: str) -> Any:
        """How many partitions a topic has, or the ``KafkaError`` that keeps that secret."""
        try:
            found = self._asker.list_topics(topic, timeout=self._patience()).topics[topic]
        except KafkaException as e:
            return e.args[0]
        return len(found.partitions) if found.error is None else found.error

    def _offsets(self, partitions: Iterable[Place], at: int) -> dict[Place, int]:
        """Where partitions end (``_END``), or where they were at a time in milliseconds: ``_END`` if nothing was
        written since. Those of which no broker tells are left out."""
        asked = [TopicPartition(topic, number, at) for topic, number in sorted(partitions)]
        try:
            found = self._asker.offsets_for_times(asked, timeout=self._patience())
        except KafkaException as e:
            logger.info("while asking for offsets: %s", e)
            return {}
        # What was not answered is as it was asked.
        told = [each for each in found if each.error is None and each.offset != at]
        return {(each.topic, each.partition): each.offset for each in told}

    def _assign(self, ends: Mapping[Place, int]) -> None:
        with self._lock:
            self._assign_locked(ends)

    def _assign_locked(self, ends: Mapping[Place, int]) -> None:
        new = {place: offset for place, offset in ends.items() if place not in self._assigned}
        if new:
            self._consumer.incremental_assign([TopicPartition(*place, offset) for place, offset in new.items()])
            self._assigned.update(dict.fromkeys(new, time.monotonic()))

    def _look(self, now: float) -> None:
        """Leaves partitions that are not needed, and reads those that were added to the topics."""
        with self._lock:
            self._count_released()
            topics = {self._topic(kind) for kind, _ in self._held}
        try:
            for topic in sorted(topics):
                if self._is_stopped:
                    return
                self._look_at_topic(topic)
            with self._lock:
                self._leave_idle(now)
        except KafkaException as e:
            logger.info("while looking for new partitions: %s", e)

    def _leave_idle(self, now: float) -> None:
        needed = {partition for kind, key in self._held for partition in self._partitions(key, kind)}
        idle = [
            partition
            for partition, used in self._assigned.items()
            if partition not in needed and now - used > _KEEP_SECONDS
        ]
        if idle:
            self._consumer.incremental_unassign([TopicPartition(*each) for each in idle])
            for partition in idle:
                del self._assigned[partition]
            # Asked for again with the next use.
            read = {topic for topic, _ in self._assigned}
            self._counts = {topic: count for topic, count in self._counts.items() if topic in read}

    def _look_at_topic(self, topic: str) -> None:
        looked_at = time.time()
        count = self._count(topic)
        if not isinstance(count, int):
            logger.info("while looking for new partitions of %s: %s", topic, count)
            return
        # Answers may lie there since the partitions were added, which is since the last look.
        since = int((self._counted_at[topic] - _CLOCK_SECONDS) * 1000)
        ends: dict[Place, int] = {}
        while not self._is_stopped:
            with self._lock:
                needed = {
                    partition
                    for kind, key in self._held
                    if self._topic(kind) == topic
                    for partition in self._partitions(key, kind, count)
                }
                new = needed - self._assigned.keys() - ends.keys()
                if not new:
                    # Together, or whoever finds the count would have them read from their ends.
                    self._assign_locked({place: ends[place] for place in needed & ends.keys()})
                    self._counts[topic] = count
                    self._counted_at[topic] = looked_at
                    return
            # The ends first: whatever is written until the answer by time comes is behind them.
            found = self._offsets(new, _END)
            since_then = self._offsets(found, since) if found else {}
            if not since_then:
                return  # at the next look
            ends.update({p: found[p] if offset == _END else offset for p, offset in since_then.items()})

    def _copied_kind(self, headers: list[tuple[str, bytes | None]] | None) -> str | None:
        for name, value in headers or ():
            if name == REPLY_OF and value is not None:
                kind = self._kinds.get(value.decode(errors="replace"))
                return kind if kind in COPIED else None
        return None


def _for(properties: Mapping[str, Any], foreign: Mapping[str, Any]) -> dict[str, Any]:
    """Properties without those that only the other kind of client has."""
    return {name: value for name, value in properties.items() if name not in foreign}


def _closed() -> ClientClosedError:
    return ClientClosedError("the client is closed")
