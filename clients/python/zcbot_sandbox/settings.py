# SPDX-License-Identifier: Apache-2.0
"""The properties of librdkafka with which this library writes and reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .errors import InvalidRequestError

#: What the library logs, and what librdkafka does.
logger = logging.getLogger("zcbot_sandbox")
logger.addHandler(logging.NullHandler())

_USUAL = {
    # Brokers that come back are found within a second.
    "reconnect.backoff.max.ms": 1000,
    # Or a request waits until TCP has acknowledged the one before: 40 ms at worst.
    "socket.nagle.disable": True,
}
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
    # Or nobody would know when a partition whose reading was refused can be read.
    "enable.partition.eof": True,
}
#: Correctness rests on these, so nobody else sets them.
_FIXED = (
    "partitioner",
    "enable.idempotence",
    "enable.auto.commit",
    "auto.offset.reset",
    "enable.partition.eof",
)


def of_clients(kafka: str | Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The properties of a producer and of a consumer, from brokers' addresses or from a user's properties."""
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
    # Either kind of client warns of properties that only the other one has.
    producer = {key: value for key, value in both.items() if key not in (*_CONSUMER, "group.id")}
    consumer = {key: value for key, value in both.items() if key not in _PRODUCER}
    return {**_PRODUCER, **producer}, {**_CONSUMER, **consumer}
