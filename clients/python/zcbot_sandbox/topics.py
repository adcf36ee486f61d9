# SPDX-License-Identifier: Apache-2.0
"""The topics of a deployment, and the topics and partitions in which a user's records are."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import InvalidRequestError
from .partitions import Place, partition_of

#: The kinds of records that workers write for services.
RESULTS = ("ready", "failed", "output", "exited", "reaped", "expiring")

#: The kinds of records that services write.
REQUESTS = ("ensure", "exec", "input", "activity", "release")

#: The kinds that are copied to a reply topic.
COPIED = ("ready", "failed", "output", "exited")

#: Names of topics are at most this long.
_MAX_NAME = 249
_NAME = re.compile(r"[a-zA-Z0-9._-]*")

REPLY_TO = "zcbot_reply_to"
REPLY_OF = "zcbot_reply_of"


class Topics:
    """Maps kinds of records (``exited``) to names of topics (``sandbox.exited``)."""

    def __init__(self, prefix: str, reply_topic: str | None) -> None:
        _check("topic_prefix", prefix)
        if reply_topic is not None:
            _check("reply_topic", reply_topic)
            replies = prefix + "reply."
            if not reply_topic.startswith(replies) or reply_topic == replies:
                problem = f"is {reply_topic!r}; its name must begin with {replies}"
                raise InvalidRequestError("reply_topic", problem)
        self.reply_topic = reply_topic
        self._prefix = prefix
        self._kinds = {self.named(kind): kind for kind in RESULTS}

    def named(self, kind: str) -> str:
        """Returns the topic of a kind of record, as shared by all clients."""
        return self._prefix + kind

    def read_for(self, kind: str) -> str:
        """Returns the topic in which this client reads a kind of record."""
        return self.reply_topic if self.reply_topic is not None and kind in COPIED else self.named(kind)

    def read_in(self, topic: str) -> set[str]:
        """Returns the kinds that this client reads in a topic."""
        return {kind for kind in RESULTS if self.read_for(kind) == topic}

    def kind_of(self, topic: str, headers: Iterable[tuple[str, bytes | None]] | None) -> str | None:
        """Returns the kind of a record; ``None`` if it is not an answer, for example in the reply topic
        without its header.
        """
        if topic != self.reply_topic:
            return self._kinds.get(topic)
        for name, value in headers or ():
            if name == REPLY_OF and value is not None:
                kind = self._kinds.get(value.decode(errors="replace"))
                return kind if kind in COPIED else None
        return None

    def partitions(self, topic: str, key: bytes, count: int) -> list[Place]:
        """Returns the partitions of a user's records in a topic with ``count`` partitions. A reply topic is
        read as a whole.
        """
        numbers = range(count) if topic == self.reply_topic else (partition_of(key, count),)
        return [(topic, number) for number in numbers]

    def hint_without_answer(self, kind: str) -> str:
        """Returns what can be wrong if there is no answer, other than a missing worker."""
        if self.reply_topic is None:
            return ""
        return (
            f"; or the answer is in {self.named(kind)} and was not copied to the reply topic"
            f" {self.reply_topic}, for which workers need Write and Describe"
            " ('sandbox topics acls --role worker')"
        )


def _check(name: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > _MAX_NAME or not _NAME.fullmatch(value):
        problem = f"is {value!r:.64}; names of topics have letters, digits, '.', '_' and '-', {_MAX_NAME} at most"
        raise InvalidRequestError(name, problem)
