# SPDX-License-Identifier: Apache-2.0
"""The table of current sandboxes, a compacted topic with a record for each user who has one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from .partitions import partition_of
from .settings import logger

#: How long one question to brokers, or one poll, may take.
_CALL_SECONDS = 2.0
_POLL_SECONDS = 0.5


def current_container(
    settings: Mapping[str, Any], topic: str, key: bytes, deadline: float, is_over: Callable[[], bool]
) -> str | None:
    """Returns the container id of a user's sandbox, ``""`` if there is none, or ``None`` if that can't be found out
    by ``deadline``, before ``is_over``, or because brokers refuse.
    """
    consumer = Consumer({**settings, "enable.partition.eof": True})
    try:
        return _read(consumer, topic, key, deadline, is_over)
    except KafkaException as e:
        logger.info("%s can't be read: %s", topic, e)
        return None
    finally:
        consumer.close()


def _read(
    consumer: Any, topic: str, key: bytes, deadline: float, is_over: Callable[[], bool]
) -> str | None:
    def left(most: float) -> float:
        return max(0.001, min(most, deadline - time.monotonic()))

    found = consumer.list_topics(topic, timeout=left(_CALL_SECONDS)).topics.get(topic)
    if found is None or found.error is not None or not found.partitions:
        return None
    place = TopicPartition(topic, partition_of(key, len(found.partitions)))
    start, _ = consumer.get_watermark_offsets(place, timeout=left(_CALL_SECONDS))
    consumer.assign([TopicPartition(place.topic, place.partition, start)])
    container = ""
    while not is_over() and time.monotonic() < deadline:
        message = consumer.poll(left(_POLL_SECONDS))
        if message is None:
            continue
        if message.error() is not None:
            if message.error().code() == KafkaError._PARTITION_EOF:
                return container
            raise KafkaException(message.error())
        if message.key() == key:
            container = _container(message.value())
    return None


def _container(value: bytes | None) -> str:
    """Returns the container id in a record; a text that is none if there is a sandbox without a valid id."""
    if value is None:
        return ""
    try:
        container = json.loads(value.decode()).get("container_id")
    except (ValueError, AttributeError, RecursionError):
        container = None
    return container if isinstance(container, str) and container else "?"
