# SPDX-License-Identifier: Apache-2.0
"""Questions to brokers. Each blocks for at most the given seconds, and raises ``KafkaException`` on failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from .errors import KafkaUnreachableError
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

#: The offset after the last record.
END = -1

#: How many log lines and errors are served in one turn; the rest is left to the next.
_MOST_EVENTS = 100


class Reach:
    """Whether a broker was ever reached, and why one is not."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.is_reached = False
        #: Why a broker cannot be reached; empty once a partition's leader has answered. Answers of ``leaders`` do not
        #: clear it, because any broker gives them, and librdkafka repeats the reason only after half a minute.
        self.trouble = ""

    def callback(
        self, users: Callable[[Any], object] | None, *, is_always: bool = True
    ) -> Callable[[Any], None]:
        """Returns an ``error_cb`` that also calls the user's. Without ``is_always``, it is for a client whose answers
        do not clear the trouble, and notes it only until a broker was reached.
        """

        def troubled(error: Any) -> None:
            if not is_always and self.is_reached:
                pass
            elif error.code() != KafkaError._ALL_BROKERS_DOWN:  # it comes after the actual reason
                self.trouble = error.str()
            if users is not None:
                users(error)

        return troubled

    def unreachable(self) -> KafkaUnreachableError:
        return KafkaUnreachableError(self._address, self.trouble or "no connection was made in that time")


class Brokers:
    """A consumer that reads nothing, so that questions have connections of their own: a broker answers the
    requests on a connection in order, and may answer a fetch only after 100 ms. For one thread, except
    ``close``.
    """

    def __init__(self, settings: Mapping[str, Any], reach: Reach) -> None:
        self.reach = reach
        self._consumer: Any = Consumer({**settings, "error_cb": self.reach.callback(settings.get("error_cb"))})

    def leaders(self, topic: str, seconds: float) -> dict[int, int]:
        """Returns the ids of the leaders of a topic's partitions; negative for a partition without a leader."""
        found = self._consumer.list_topics(topic, timeout=seconds).topics.get(topic)
        self.reach.is_reached = True
        if found is not None and found.error is not None:
            raise KafkaException(found.error)
        if found is None or not found.partitions:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return {number: each.leader for number, each in found.partitions.items()}

    def offsets(self, places: Iterable[Place], at: int, seconds: float) -> dict[Place, int]:
        """Returns offsets of partitions: their ends if ``at`` is ``END``, otherwise their positions at that
        time in milliseconds, or ``END`` if nothing was written since. Partitions for which no broker answers
        are left out.
        """
        asked = [TopicPartition(topic, number, at) for topic, number in sorted(places)]
        found = self._consumer.offsets_for_times(asked, timeout=seconds)
        # A partition without an answer has the offset that was asked for.
        told = [each for each in found if each.error is None and each.offset != at]
        if told:
            self.reach.trouble = ""
        return {(each.topic, each.partition): each.offset for each in told}

    def serve(self) -> None:
        """Lets librdkafka call back (for tokens, log lines, errors), which it does only from here."""
        try:
            for _ in range(_MOST_EVENTS):
                message = self._consumer.poll(0)
                if message is None:
                    return
                logger.debug("while asking: %s", message.error())
        except BaseException:  # noqa: BLE001 - a callback is the user's
            logger.exception("a callback failed")

    def close(self) -> None:
        self._consumer.close()
