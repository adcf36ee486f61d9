# SPDX-License-Identifier: Apache-2.0
"""Who used what: reads the topics from their beginning to their present end, and prints a line for each
user.

It joins no group and commits nothing. ``bin/sandbox audit`` checks the guarantees; this job shows how to
read the log for reports of one's own.

    python3 audit_job.py [BROKERS]
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

TOPICS = ("sandbox.exec", "sandbox.exited", "sandbox.ready", "sandbox.reaped")

#: For all of it, if no record comes.
PATIENCE_SECONDS = 60.0


@dataclass
class Use:
    """What a user used. Results can be repeated: each has an id, and counts once."""

    seen: set[str] = field(default_factory=set)
    requested_by: set[str] = field(default_factory=set)
    sandboxes: set[str] = field(default_factory=set)
    commands: int = 0
    not_ended: int = 0
    cpu_ms: int = 0
    reaped: int = 0


def records(brokers: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The topic and the fields of each record that is there now."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"audit-{uuid.uuid4()}",
            "enable.auto.commit": False,
            # If retention removes what is being read, the job goes on with the oldest record that is left.
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        places = []
        for topic in TOPICS:
            found = consumer.list_topics(topic, timeout=10).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            places += [TopicPartition(topic, partition, 0) for partition in found.partitions]
        ends = {}
        for place in places:
            low, high = consumer.get_watermark_offsets(place, timeout=10)
            if high > low:
                ends[place.topic, place.partition] = high
                place.offset = low
        consumer.assign([place for place in places if (place.topic, place.partition) in ends])
        heard = time.monotonic()
        while ends:
            message = consumer.poll(1.0)
            if message is None:
                if time.monotonic() - heard > PATIENCE_SECONDS:
                    raise TimeoutError(f"no record for {PATIENCE_SECONDS:.0f} s")
                continue
            heard = time.monotonic()
            place = message.topic(), message.partition()
            if message.error() is None:
                fields = decoded(message.key(), message.value())
                if fields is not None:
                    yield message.topic(), fields
                if message.offset() + 1 >= ends.get(place, 0):
                    ends.pop(place, None)
            elif message.error().name() == "_PARTITION_EOF":
                ends.pop(place, None)
            else:
                raise KafkaException(message.error())
    finally:
        consumer.close()


def decoded(key: bytes | None, value: bytes | None) -> dict[str, Any] | None:
    """The fields; none if it is no event of the user who is the key, as anything may have been written into a
    topic.
    """
    try:
        user = (key or b"").decode()
        fields = json.loads((value or b"").decode())
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields.get("user_id") == user else None


def milliseconds(value: object) -> int:
    """The number; 0 if it is none that a worker writes."""
    return value if type(value) is int and 0 <= value < 2**63 else 0


def uses(brokers: str) -> dict[str, Use]:
    found: dict[str, Use] = defaultdict(Use)
    for topic, fields in records(brokers):
        user, event_id = fields.get("user_id"), fields.get("event_id")
        if not isinstance(user, str) or not isinstance(event_id, str):
            continue
        use = found[user]
        if (topic + event_id) in use.seen:
            continue
        use.seen.add(topic + event_id)
        if topic == "sandbox.exec":
            use.requested_by.add(str(fields.get("requested_by", "unknown")))
        elif topic == "sandbox.exited":
            use.commands += 1
            use.not_ended += fields.get("reason") not in ("exited", "signalled")
            use.cpu_ms += milliseconds(fields.get("cpu_ms"))
        elif topic == "sandbox.ready":
            use.sandboxes.add(str(fields.get("container_id")))
        else:
            use.reaped += 1
    return found


def main(brokers: str = "127.0.0.1:9092") -> int:
    print(f"{'user':36}  {'commands':>8}  {'no end':>6}  {'cpu s':>8}  {'sandboxes':>9}  {'reaped':>6}  by")
    for user, use in sorted(uses(brokers).items()):
        by = ", ".join(sorted(map(ascii, use.requested_by)))
        print(
            f"{ascii(user)[1:-1][:36]:36}  {use.commands:8}  {use.not_ended:6}  {use.cpu_ms / 1000:8.2f}"
            f"  {len(use.sandboxes):9}  {use.reaped:6}  {by}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
