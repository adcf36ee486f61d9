# SPDX-License-Identifier: Apache-2.0
"""One producer and one consumer for all users of a process."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
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
_CALL_SECONDS = 5.0
_LOOK_CALL_SECONDS = 1.0
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


class Log:
    """Writes records, and reads the partitions of the users that are worked for, and no others.

    Each partition is read from an end that was known before the first request for its users was
    written, so an answer can't be missed. One that was not needed for a minute is left.
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
        # Guards the fields below; held while brokers are asked for ends, so that the position of a
        # partition is known to whoever finds it assigned.
        self._lock = threading.Lock()
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

    def try_hold(self, key: bytes, kinds: Iterable[str]) -> bool:
        """As ``hold``, if that needs no answer of a broker."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._refuse_stopped()
            kinds = tuple(kinds)
            if any(self._unread(key, kind) is not None for kind in kinds):
                return False
            self._count_held(key, kinds)
            return True
        finally:
            self._lock.release()

    def hold(self, key: bytes, kinds: Iterable[str], deadline: float) -> None:
        """From when this returns on, records of a user are read, until ``release``.

        ``deadline`` is of ``time.monotonic``. Raises ``TimeoutError`` if no broker answers by then.
        """
        kinds = tuple(kinds)
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError("no broker answered in time")
        try:
            self._refuse_stopped()
            missing = {name for kind in kinds if (name := self._unknown(kind)) is not None}
            for name in missing:
                self._counted_at[name] = time.time()
                self._counts[name] = self._count(name, deadline)
            self._introduce(deadline)
            unread = {p for kind in kinds for p in self._unread(key, kind) or ()}
            if unread:
                self._assign(self._ends(unread, deadline))
            self._count_held(key, kinds)
        except KafkaException as e:
            raise LogError(f"the answers can't be read: {e.args[0].str()}") from e
        finally:
            self._lock.release()

    def release(self, key: bytes, kinds: Iterable[str]) -> None:
        """The counterpart of ``hold``. Never waits: it is called in event loops and in the reading thread,
        while another thread may have the lock and wait for a broker."""
        self._released.append((key, tuple(kinds), time.monotonic()))
        if self._lock.acquire(blocking=False):
            try:
                self._count_released()
            finally:
                self._lock.release()

    def poll(self, seconds: float) -> None:
        """Reads at most one record and hands it over."""
        message = self._consumer.poll(seconds)
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            self._look(now)
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
        self._is_stopped = True

    def _refuse_stopped(self) -> None:
        if self._is_stopped:
            raise ClientClosedError("the client is closed")

    def flush(self, seconds: float) -> int:
        """Waits until all records are stored; how many are not yet."""
        return int(self._producer.flush(seconds))

    def close(self) -> None:
        """Ends the consumer; nobody may be in ``poll`` any more. What is not stored yet is given up."""
        self._producer.purge()
        self._producer.flush(1.0)
        with self._lock:
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

    def _unknown(self, kind: str) -> str | None:
        topic = self._topic(kind)
        return None if topic in self._counts else topic

    def _partitions(self, key: bytes, kind: str) -> list[tuple[str, int]]:
        topic = self._topic(kind)
        count = self._counts.get(topic)
        if count is None:
            return []
        if topic == self._reply_topic:
            return [(topic, partition) for partition in range(count)]
        return [(topic, partition_of(key, count))]

    def _unread(self, key: bytes, kind: str) -> list[tuple[str, int]] | None:
        """The partitions that are to be assigned for a user; ``None`` if there is nothing to do."""
        if self._unknown(kind) is not None:
            return []
        return [p for p in self._partitions(key, kind) if p not in self._assigned] or None

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

    def _introduce(self, deadline: float) -> None:
        """Has the producer and the consumer learn of all topics, once. The first record of each would
        wait for up to a second, since librdkafka looks that often for topics of which it knows nothing.
        """
        if self._is_introduced:
            return
        self._is_introduced = True
        topics = [(self._producer, self._prefix + kind) for kind in REQUESTS]
        topics += [(self._consumer, topic) for topic in sorted({self._topic(kind) for kind in RESULTS})]
        for client, topic in topics:
            try:
                client.list_topics(topic, timeout=_limited(deadline))
            except KafkaException as e:  # whoever uses it hears of that
                logger.info("while asking for %s: %s", topic, e)

    def _count(self, topic: str, deadline: float) -> int:
        """How many partitions a topic has."""
        patience = time.monotonic() + _UNKNOWN_SECONDS
        while True:
            try:
                metadata = self._asker.list_topics(topic, timeout=_limited(deadline))
                found = metadata.topics[topic]
            except KafkaException as e:
                error = e.args[0]
            else:
                if found.error is None:
                    return len(found.partitions)
                error = found.error
            is_unknown = error.code() in _UNKNOWN and time.monotonic() > patience
            if is_unknown or error.code() in _REFUSALS:
                raise LogError(
                    f"{topic} can't be read: {error.str()}; workers create the topics when they start,"
                    " and a reply topic has to be created by an operator"
                )
            self._pause(deadline)

    def _ends(self, partitions: set[tuple[str, int]], deadline: float, at: int = _END) -> list[Any]:
        """Where the partitions end, or (with a time in milliseconds) where they were at that time."""
        asked = [TopicPartition(topic, number, at) for topic, number in sorted(partitions)]
        while True:
            try:
                found = self._asker.offsets_for_times(asked, timeout=_limited(deadline))
            except KafkaException as e:
                logger.info("while asking for offsets: %s", e)
            else:
                if all(each.error is None for each in found):
                    behind = [each for each in found if each.offset < 0]
                    if not behind:
                        return list(found)
                    if at != _END:  # nothing was written since
                        names = {(each.topic, each.partition) for each in behind}
                        rest = [each for each in found if each.offset >= 0]
                        return rest + self._ends(names, deadline)
            self._pause(deadline)

    def _assign(self, partitions: list[Any]) -> None:
        self._consumer.incremental_assign(partitions)
        now = time.monotonic()
        for each in partitions:
            self._assigned[each.topic, each.partition] = now

    def _look(self, now: float) -> None:
        """Leaves partitions that are not needed, and reads those that were added to the topics."""
        if not self._lock.acquire(blocking=False):
            return  # somebody waits for a broker: next time
        try:
            self._count_released()
            for topic in sorted({topic for topic, _ in self._needed()}):
                self._look_at_topic(topic, now)
            needed = self._needed()
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
                self._counts = {topic: n for topic, n in self._counts.items() if self._is_read(topic)}
        except (TimeoutError, ClientClosedError, LogError, KafkaException) as e:
            logger.info("while looking for new partitions: %s", e)
        finally:
            self._lock.release()

    def _look_at_topic(self, topic: str, now: float) -> None:
        looked_at, old = time.time(), self._counts[topic]
        self._counts[topic] = self._count(topic, now + _LOOK_CALL_SECONDS)
        new = {each for each in self._needed() if each[0] == topic} - self._assigned.keys()
        try:
            if new:
                # Answers may lie there since the partitions were added, which is since the last look.
                since = int((self._counted_at[topic] - _CLOCK_SECONDS) * 1000)
                self._assign(self._ends(new, now + 2 * _LOOK_CALL_SECONDS, since))
        except BaseException:
            self._counts[topic] = old  # or they would be read from their ends
            raise
        self._counted_at[topic] = looked_at

    def _needed(self) -> set[tuple[str, int]]:
        return {partition for kind, key in self._held for partition in self._partitions(key, kind)}

    def _is_read(self, topic: str) -> bool:
        return any(name == topic for name, _ in self._assigned)

    def _pause(self, deadline: float) -> None:
        self._refuse_stopped()
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no broker answered in time")
        time.sleep(min(0.1, left))

    def _copied_kind(self, headers: list[tuple[str, bytes | None]] | None) -> str | None:
        for name, value in headers or ():
            if name == REPLY_OF and value is not None:
                kind = self._kinds.get(value.decode(errors="replace"))
                return kind if kind in COPIED else None
        return None


def _for(properties: Mapping[str, Any], foreign: Mapping[str, Any]) -> dict[str, Any]:
    """Properties without those that only the other kind of client has."""
    return {name: value for name, value in properties.items() if name not in foreign}


def _limited(deadline: float) -> float:
    return max(0.01, min(_CALL_SECONDS, deadline - time.monotonic()))
