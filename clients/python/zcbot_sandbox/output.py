# SPDX-License-Identifier: Apache-2.0
"""A command's output, in the order in which it was written."""

from __future__ import annotations

import codecs
import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from .events import Output

#: How many bytes may wait for an earlier record that has not arrived.
MAX_WAITING_BYTES = 4 << 20

_OVERHEAD = 200

#: Up to how many bytes the output of neighbouring records is joined, if nobody has taken it.
_JOINED_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of output; ``stream`` is ``stdout`` or ``stderr``.

    Output is hostile: do not print it on a terminal as it is. ``text`` is the stream decoded as UTF-8, with
    malformed bytes replaced; a character that is split between two chunks is in the one with its end.
    """

    stream: str
    data: bytes
    text: str


def append_output(chunks: deque[Chunk], more: Iterable[Chunk]) -> None:
    """Appends output to what nobody has taken yet. Joins short neighbours, because each chunk takes more memory
    than its bytes, which only are bounded.
    """
    for chunk in more:
        last = chunks[-1] if chunks else None
        if (
            last is not None
            and last.stream == chunk.stream
            and len(last.data) + len(chunk.data) <= _JOINED_BYTES
        ):
            chunks[-1] = Chunk(chunk.stream, last.data + chunk.data, last.text + chunk.text)
        else:
            chunks.append(chunk)


class OutputSequence:
    """Puts the records of one command's output in order, each once.

    Records may be repeated, also in blocks, and forged. A worker publishes no gaps. A gap that stays is
    counted as missing and skipped when more than ``MAX_WAITING_BYTES`` wait behind it or the command's end is
    known.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._next = 0
        self._waiting: dict[int, Output] = {}
        self._waiting_numbers: list[int] = []  # a heap, in which some numbers may not be waiting any more
        self._waiting_bytes = 0
        self._taken_bytes = 0
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")
        }
        self.missing = 0
        self.is_over_bound = False

    @property
    def next(self) -> int:
        """The sequence number up to which records were taken or counted as missing."""
        return self._next

    def accept(self, output: Output) -> list[Chunk]:
        """Takes a record, and returns the chunks that are in order now."""
        if output.seq < self._next or output.seq in self._waiting or output.stream not in self._decoders:
            return []
        size = len(output.data) + _OVERHEAD
        self._waiting[output.seq] = output
        heapq.heappush(self._waiting_numbers, output.seq)
        self._waiting_bytes += size
        chunks = self._in_order()
        while self._waiting_bytes > MAX_WAITING_BYTES:
            chunks += self._pass_gap()
        return chunks

    def end(self, count: int) -> list[Chunk]:
        """Notes that the command ended with ``count`` records, and returns the chunks that are left."""
        chunks: list[Chunk] = []
        while self._waiting:
            chunks += self._pass_gap()
        if self._next < count:
            self.missing += count - self._next
            self._next = count
        for stream, decoder in self._decoders.items():
            rest = decoder.decode(b"", final=True)
            if rest:
                chunks.append(Chunk(stream, b"", rest))
        return chunks

    def _pass_gap(self) -> list[Chunk]:
        while (first := heapq.heappop(self._waiting_numbers)) not in self._waiting:
            pass
        self.missing += first - self._next
        self._next = first
        return self._in_order()

    def _in_order(self) -> list[Chunk]:
        chunks = []
        while self._waiting_numbers and self._waiting_numbers[0] < self._next:
            heapq.heappop(self._waiting_numbers)
        while (output := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            self._waiting_bytes -= len(output.data) + _OVERHEAD
            data = output.data[: max(0, self._max_bytes - self._taken_bytes)]
            if len(data) < len(output.data):
                self.is_over_bound = True
            self._taken_bytes += len(data)
            if data:
                chunks.append(Chunk(output.stream, data, self._decoders[output.stream].decode(data)))
        return chunks
