/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * Bounds what waits to be sent to all runners of a worker. If it is too much, the channel that has
 * had much to send for the longest time is broken off, because a runner that reads takes all of it
 * within milliseconds. Thread-safe.
 */
final class Unsent {
  static final int MOST = 12 << 20;

  /** More than eight commands of a runner that reads can have to be sent, 64 KiB of input each. */
  private static final int MUCH = 640 << 10;

  /** A channel that the engine has not opened yet has 16 KiB to send. */
  private static final int LITTLE = 64 << 10;

  /** The bytes of channels that have some, in the order in which they last had none. */
  private final SequencedMap<RunnerChannel, Integer> waiting = new LinkedHashMap<>();

  private int total;

  /** Records how many bytes wait in a channel. Calls nobody, so any lock may be held. */
  synchronized void set(RunnerChannel channel, int bytes) {
    Integer before = bytes == 0 ? waiting.remove(channel) : waiting.put(channel, bytes);
    total += bytes - (before == null ? 0 : before);
  }

  /** Breaks off channels until the rest is not too much. No lock of a channel may be held. */
  void relieve() {
    for (RunnerChannel stalest = excess(); stalest != null; stalest = excess()) {
      stalest.breakOffUnread();
    }
  }

  private synchronized @Nullable RunnerChannel excess() {
    if (total <= MOST) {
      return null;
    }
    RunnerChannel stalest =
        stalestOver(MUCH)
            .or(() -> stalestOver(LITTLE))
            .orElseGet(() -> waiting.sequencedKeySet().getFirst());
    set(stalest, 0);
    return stalest;
  }

  private Optional<RunnerChannel> stalestOver(int bytes) {
    return waiting.entrySet().stream()
        .filter(channel -> channel.getValue() > bytes)
        .findFirst()
        .map(Map.Entry::getKey);
  }
}
