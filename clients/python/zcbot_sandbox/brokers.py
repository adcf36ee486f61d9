# SPDX-License-Identifier: Apache-2.0
"""Questions to brokers. Each blocks for as many seconds as it is told at most, and raises ``KafkaException``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from .partitions import Place
from .settings import logger

REFUSALS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
}
UNKNOWN = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
}

#: As an offset: behind the last record.
END = -1

#: Of the log lines and errors of one turn; the rest is for the next.
_MOST_EVENTS = 100


class Brokers:
    """A consumer that reads nothing, with connections of its own. A broker answers the requests of one in their
    order, and a fetch after up to 100 ms. Of one thread, except ``close``.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        #: Why one can't be reached; empty once a partition's leader has answered. Any broker tells who leads, and
        #: librdkafka repeats the reason after half a minute only.
        self.trouble = ""
        self._users_error_cb: Callable[[Any], object] | None = settings.get("error_cb")
        self._consumer: Any = Consumer({**settings, "error_cb": self._troubled})

    def leaders(self, topic: str, seconds: float) -> dict[int, int]:
        """A topic's partitions, and the ids of their leaders: negative where there is none."""
        found = self._consumer.list_topics(topic, timeout=seconds).topics.get(topic)
        if found is not None and found.error is not None:
            raise KafkaException(found.error)
        if found is None or not found.partitions:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return {number: each.leader for number, each in found.partitions.items()}

    def offsets(self, places: Iterable[Place], at: int, seconds: float) -> dict[Place, int]:
        """Where partitions end (``END``), or where they were at a time in milliseconds: ``END`` if nothing was
        written since. Those of which no broker tells are left out."""
        asked = [TopicPartition(topic, number, at) for topic, number in sorted(places)]
        found = self._consumer.offsets_for_times(asked, timeout=seconds)
        # What was not answered is as it was asked.
        told = [each for each in found if each.error is None and each.offset != at]
        if told:
            self.trouble = ""
        return {(each.topic, each.partition): each.offset for each in told}

    def serve(self) -> None:
        """librdkafka calls back (for tokens, log lines, errors) only from here."""
        try:
            for _ in range(_MOST_EVENTS):
                message = self._consumer.poll(0)
                if message is None:
                    return
                logger.debug("while asking: %s", message.error())
        except Exception:  # noqa: BLE001 - a callback is the user's
            logger.exception("a callback failed")

    def _troubled(self, error: Any) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # comes after the reason
            self.trouble = error.str()
        if self._users_error_cb is not None:
            self._users_error_cb(error)

    def close(self) -> None:
        self._consumer.close()
