# SPDX-License-Identifier: Apache-2.0
"""The properties of librdkafka with which this library writes and reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from confluent_kafka import libversion

from .errors import InvalidRequestError

#: Receives the log lines of this library and of librdkafka.
logger = logging.getLogger("zcbot_sandbox")
logger.addHandler(logging.NullHandler())

_USUAL = {
    # Brokers that restart are found within a second.
    "reconnect.backoff.max.ms": 1000,
    # Otherwise a request waits until TCP has acknowledged the previous one: 40 ms at worst.
    "socket.nagle.disable": True,
}
_PRODUCER = {
    "partitioner": "murmur2_random",
    "enable.idempotence": True,
    "linger.ms": 0,
    # Records for a partition that takes none leave the queue to others after this time. It is twice the time-out of
    # a request, so that a record of which a broker says nothing is tried again.
    "message.timeout.ms": 120_000,
    "queue.buffering.max.kbytes": 32 * 1024,
    "compression.type": "none",
    "message.max.bytes": 1_100_000,
}
_CONSUMER = {
    "enable.auto.commit": False,
    # The finder looks for another position. The earliest records would be all of the retention, the latest no answers.
    "auto.offset.reset": "error",
    # A partition that is added is read only after the broker has answered the current fetch.
    "fetch.wait.max.ms": 100,
    "fetch.max.bytes": 4 << 20,
    "max.partition.fetch.bytes": 1 << 20,
    "queued.max.messages.kbytes": 8 * 1024,
    "fetch.queue.backoff.ms": 20,
    "allow.auto.create.topics": False,
    # Otherwise it would be unknown when a partition that was refused can be read again.
    "enable.partition.eof": True,
}
#: The first version of librdkafka that knows a property: 2.2.0. confluent-kafka may have an older one.
_NEEDS = {"fetch.queue.backoff.ms": 0x02020000}
#: Correctness depends on these, so users must not set them.
_FIXED = (
    "partitioner",
    "enable.idempotence",
    "enable.auto.commit",
    "auto.offset.reset",
    "enable.partition.eof",
)


def of_clients(kafka: str | Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the properties of a producer and of a consumer, from brokers' addresses or from a user's
    properties.
    """
    if not isinstance(kafka, (str, Mapping)):
        problem = f"is {type(kafka).__name__}; give brokers' addresses as a str, or properties of librdkafka"
        raise InvalidRequestError("kafka", problem)
    given = {"bootstrap.servers": kafka} if isinstance(kafka, str) else dict(kafka)
    if not given.get("bootstrap.servers"):
        raise InvalidRequestError("kafka", "names no bootstrap.servers")
    for property in _FIXED:
        if property in given:
            raise InvalidRequestError("kafka", f"sets {property}, which the library sets itself; leave it out")
    both = {"client.id": name, "group.id": name, **_USUAL, **given, "logger": logger}
    # Producers warn of properties that only consumers have, and the other way round.
    producer = {key: value for key, value in both.items() if key not in (*_CONSUMER, "group.id")}
    consumer = {key: value for key, value in both.items() if key not in _PRODUCER}
    version: int = libversion()[1]
    known = {key: value for key, value in _CONSUMER.items() if version >= _NEEDS.get(key, 0)}
    return {**_PRODUCER, **producer}, {**known, **consumer}
