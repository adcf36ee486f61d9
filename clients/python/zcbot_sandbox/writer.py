# SPDX-License-Identifier: Apache-2.0
"""The producer of a process, which is replaced after a fatal error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from .errors import LogError, NoAnswerError, SandboxError
from .settings import logger

#: The shortest time between the creation of two producers.
_REPLACE_SECONDS = 1.0

#: The errors that do not tell whether a broker has stored the record.
_OPEN = {
    KafkaError._MSG_TIMED_OUT,
    KafkaError._PURGE_INFLIGHT,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
}

#: Takes ``LogError`` if a record was not stored, ``NoAnswerError`` if it may have been.
OnDelivery = Callable[["SandboxError | None"], None]

#: How long ``close`` waits for the callbacks of records that were given up.
_PURGE_SECONDS = 1.0


@dataclass(eq=False)
class _Made:
    """A producer. After a fatal error it stores nothing any more; ``fatal`` is that error."""

    producer: Any
    at: float = field(default_factory=time.monotonic)
    fatal: str = ""


class Writer:
    """Replaces its producer after a fatal error.

    Some errors are fatal for an idempotent producer: that it has no permissions when it is created, or that
    records were lost when a broker became a leader. The next record is then given to a new producer. Safe for
    concurrent use.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._lock = threading.RLock()  # as InFlight.lock
        self._made = _Made(Producer(settings))
        #: Earlier producers, some of whose records have not had their callbacks yet.
        self._replaced: list[_Made] = []

    def list_topics(self, topic: str, timeout: float) -> Any:
        return self._made.producer.list_topics(topic, timeout=timeout)

    def produce(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: list[tuple[str, bytes]] | None,
        on_delivery: OnDelivery,
    ) -> None:
        """Hands over a record. Never blocks; raises ``BufferError`` if the producer is full."""

        def produce(made: _Made) -> None:
            def delivered(error: Any, _: Any) -> None:
                on_delivery(None if error is None else _error(topic, made.fatal or error.str(), error.code()))

            made.producer.produce(topic, key=key, value=value, headers=headers, on_delivery=delivered)

        made = self._made
        try:
            try:
                produce(made)
            except KafkaException as e:
                if e.args[0].code() != KafkaError._FATAL or not self._replace(made):
                    raise
                produce(self._made)
        except KafkaException as e:
            raise LogError(f"{topic}: {made.fatal or e.args[0].str()}") from e

    def _replace(self, made: _Made) -> bool:
        """Replaces a producer; returns whether there is a newer one now."""
        with self._lock:
            if self._made is made:
                if time.monotonic() - made.at < _REPLACE_SECONDS:
                    return False
                another = _Made(Producer(self._settings))
                if self._made is made:
                    self._made = another
                    self._replaced.append(made)
                    made.producer.purge(blocking=False)
            return True

    def poll(self, seconds: float) -> None:
        """Calls the callbacks of records that were stored or refused. For one thread only."""
        for made in list(self._replaced):
            self._serve(made, made.producer.poll, 0)
            if not len(made.producer):
                self._replaced.remove(made)
        made = self._made
        self._serve(made, made.producer.poll, seconds)

    def flush(self, seconds: float) -> None:
        """Waits until all records are stored."""
        for made in (*self._replaced, self._made):
            self._serve(made, made.producer.flush, seconds)

    def close(self) -> None:
        """Gives up the records that are not stored yet."""
        self._made.producer.purge()
        self.flush(_PURGE_SECONDS)

    def __len__(self) -> int:
        """The number of records that are neither stored nor given up."""
        return sum(len(made.producer) for made in (*self._replaced, self._made))

    def _serve(self, made: _Made, act: Callable[[float], object], seconds: float) -> None:
        try:
            act(seconds)
        except KafkaException as e:
            error = e.args[0]
            if not error.fatal():
                raise
            made.fatal = error.str()  # reported once, before the callbacks of its records
            if error.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
                made.fatal += (
                    "; who writes needs Write on the topics of requests ('sandbox topics acls --role agent')"
                )
            logger.warning("the next record is for another producer: %s", made.fatal)
            act(seconds)


def _error(topic: str, reason: str, code: int) -> SandboxError:
    if code in _OPEN:
        return NoAnswerError(f"{topic}: no broker has acknowledged the record, which may be stored: {reason}", "")
    return LogError(f"{topic}: {reason}")
