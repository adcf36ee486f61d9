# SPDX-License-Identifier: Apache-2.0
"""Access to the topics for tests, in addition to the client."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

PATIENCE = 60.0


def publish(
    bootstrap: str, topic: str, key: str, *values: bytes, headers: list[tuple[str, bytes]] | None = None
) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for value in values:
        producer.produce(topic, key=key, value=value, headers=headers or [])
    assert producer.flush(PATIENCE) == 0


class Watch:
    """The records of topics from now on."""

    def __init__(self, bootstrap: str, *topics: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "enable.auto.commit": False}
        )
        places = []
        for topic in topics:
            for partition in self._consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions:
                places.append(TopicPartition(topic, partition, -1))
        self._consumer.assign(self._consumer.offsets_for_times(places, timeout=PATIENCE))

    def poll(self, seconds: float) -> Any:
        message = self._consumer.poll(seconds)
        return None if message is None or message.error() is not None else message

    def wait_for(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Returns the value of the first record that matches."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = self.poll(1.0)
            if message is not None:
                fields: dict[str, Any] = json.loads(message.value())
                if matches(fields):
                    return fields
        raise AssertionError("no such record")

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
