/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.OutputStreamName;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/**
 * The output of a command that was not taken yet, by stream. Guarded by the lock of its {@link
 * CommandOutput}.
 */
final class StreamQueues {
  private final Map<OutputStreamName, ByteQueue> queues = new EnumMap<>(OutputStreamName.class);

  StreamQueues() {
    for (OutputStreamName stream : OutputStreamName.values()) {
      queues.put(stream, new ByteQueue());
    }
  }

  ByteQueue of(OutputStreamName stream) {
    return Objects.requireNonNull(queues.get(stream));
  }

  /** The number of bytes in all streams together. */
  int length() {
    return queues.values().stream().mapToInt(ByteQueue::length).sum();
  }
}
