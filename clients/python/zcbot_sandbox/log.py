# SPDX-License-Identifier: Apache-2.0
"""One producer and one consumer for all users of a process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from . import settings
from .brokers import REFUSALS, UNKNOWN, Brokers, Reach
from .errors import InvalidRequestError, LogError, SandboxError
from .finder import Finder
from .settings import logger
from .table import current_container
from .topics import REPLY_TO, REQUESTS, RESULTS, Topics
from .waits import CONTACT_SECONDS
from .writer import OnDelivery, Writer

#: How long one attempt to reach a broker may take.
_CONTACT_CALL_SECONDS = 0.5

#: The errors of a question that no broker has answered.
_AWAY = {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}

#: Takes an answer's kind, the user's id and the record's value.
OnRecord = Callable[[str, bytes, "bytes | None"], None]
#: Takes an error, and the kinds of records that cannot be read.
OnRefusal = Callable[[LogError, "set[str]"], None]


class Log:
    """Writes records, and reads only the partitions of the users for whom somebody waits."""

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
        self._topics = Topics(topic_prefix, reply_topic)
        self.hint_without_answer = self._topics.hint_without_answer
        self._on_record = on_record
        self._on_refusal = on_refusal
        writing, reading = settings.of_clients(kafka, client_name)
        self._reach = Reach(str(reading["bootstrap.servers"]))
        self._reading = reading
        troubled = self._reach.callback(writing.get("error_cb"), is_always=False)
        try:
            self._writer = Writer({**writing, "error_cb": troubled})
            self._consumer: Any = Consumer(reading)
            self._brokers = Brokers(reading, self._reach)
        except (KafkaException, TypeError, ValueError) as e:
            problem = e.args[0].str() if isinstance(e, KafkaException) else str(e)
            raise InvalidRequestError("kafka", problem) from e
        self._finder = Finder(self._topics, self._brokers, self._consumer, self._introduce)

    def _introduce(self) -> None:
        """Makes the producer and the consumer learn of all topics. Otherwise the first record of each topic
        would wait for up to a second, because that is how often librdkafka looks for unknown topics.
        """
        read = sorted({self._topics.read_for(kind) for kind in RESULTS})
        topics: list[tuple[Any, str]] = [(self._writer, self._topics.named(kind)) for kind in REQUESTS]
        topics += [(self._consumer, topic) for topic in read]
        for client, topic in topics:
            if self._finder.waits.is_stopped:
                return
            try:
                client.list_topics(topic, timeout=self._finder.patience())
            except KafkaException as e:  # callers that use the topic get the error
                logger.info("while asking for %s: %s", topic, e)
                if e.args[0].code() not in REFUSALS | UNKNOWN:
                    return  # no broker answers

    def await_contact(self, kind: str, deadline: float, is_over: Callable[[], bool]) -> None:
        """Waits until a broker has answered, if none ever has, for what is published without a hold. Raises
        ``KafkaUnreachableError`` if none answers in time.
        """
        deadline = min(deadline, time.monotonic() + CONTACT_SECONDS)
        while not self._reach.is_reached and not is_over():
            try:
                self._writer.list_topics(self._topics.named(kind), timeout=_CONTACT_CALL_SECONDS)
            except KafkaException as e:
                if e.args[0].code() in _AWAY:
                    if time.monotonic() >= deadline:
                        raise self._reach.unreachable() from e
                    continue
            self._reach.is_reached = True  # one has answered, if only by a refusal

    def current_container(self, key: bytes, deadline: float, is_over: Callable[[], bool]) -> str | None:
        """See :func:`table.current_container`."""
        return current_container(self._reading, self._topics.named("current"), key, deadline, is_over)

    # --- writing -------------------------------------------------------------------------------

    def publish(
        self,
        kind: str,
        key: bytes,
        value: bytes,
        *,
        wants_copies: bool = False,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Hands a record to the producer. Never blocks; raises ``BufferError`` if it is full."""
        headers = None
        if wants_copies and self._topics.reply_topic is not None:
            headers = [(REPLY_TO, self._topics.reply_topic.encode())]
        self._writer.produce(self._topics.named(kind), key, value, headers, on_delivery or _log_refusal)

    def serve_deliveries(self, seconds: float) -> None:
        """Calls the callbacks of records that were stored or refused."""
        self._writer.poll(seconds)

    def flush(self, seconds: float) -> None:
        """Waits until all records are stored."""
        self._writer.flush(seconds)

    # --- reading -------------------------------------------------------------------------------

    def hold(self, key: bytes, kinds: Iterable[str], deadline: float) -> Future[None]:
        """Starts reading the records of a user, until ``release``. Never blocks.

        Records are read from when the future is done. It is done at once if no broker has to be asked. It
        fails with ``TimeoutError`` if no broker answers by ``deadline``, which is of ``time.monotonic``, and
        with ``LogError`` if a broker refuses, or has refused a topic and not shown it since. If the future is
        cancelled, nothing is held.
        """
        return self._finder.hold(key, kinds, deadline)

    def release(self, key: bytes, kinds: Iterable[str]) -> None:
        """The counterpart of ``hold``. Never blocks."""
        self._finder.waits.release(key, kinds)

    def poll(self, seconds: float) -> bool:
        """Reads at most one record and hands it over. Returns whether there was one, or an error."""
        message = self._consumer.poll(seconds)
        if message is None:
            return False
        error, topic, key = message.error(), message.topic(), message.key()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            self._failed(error, message)
            return True
        self._finder.showed(topic)
        kind = None if error is not None or key is None else self._topics.kind_of(topic, message.headers())
        if kind is not None:
            self._on_record(kind, key, message.value())
        return True

    def _failed(self, error: Any, message: Any) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            logger.warning("while reading: %s", error.str())
            self._finder.lost((message.topic(), message.partition()))
            return
        if error.code() not in REFUSALS:
            logger.info("while reading: %s", error.str())
            return
        topic = message.topic()
        refusal = LogError(f"{topic or 'a topic'} can't be read: {error.str()}")
        if topic:
            self._finder.refused((topic, message.partition()), message.offset(), refusal)
        self._on_refusal(refusal, self._topics.read_in(topic) if topic else set(RESULTS))

    # --- end -----------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends waits for brokers. Can be called by any thread."""
        self._finder.waits.stop()

    def close(self) -> None:
        """Closes the consumer; nobody may be in ``poll`` any more. Records that are not stored yet are given
        up.
        """
        self.stop()
        self._writer.close()
        if self._finder.join():
            self._consumer.close()
            self._brokers.close()


def _log_refusal(error: SandboxError | None) -> None:
    if error is not None:
        logger.warning("a record was not stored: %s", error)
