/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * Reports execs as committed once they have been for a minute. The listener then forgets that their
 * commands were started. The delay is needed because a late commit of this worker could take back
 * what the next owner of the partition committed, and the execs would be read again. Confined to
 * the poll thread.
 */
final class CommittedExecs {
  static final Duration PROVEN = Duration.ofMinutes(1);

  private final BiConsumer<Integer, Long> listener;
  private final Time time;
  private final Map<Integer, Deque<Commit>> commits = new HashMap<>();

  private record Commit(long offset, long at) {}

  /**
   * Starts with no commits.
   *
   * @param listener is called with a partition and the offset below which its execs are committed
   */
  CommittedExecs(BiConsumer<Integer, Long> listener, Time time) {
    this.listener = listener;
    this.time = time;
  }

  /** Notes the committed offset of a partition; called periodically. */
  void note(int partition, long offset) {
    long now = time.nanos();
    Deque<Commit> of = commits.computeIfAbsent(partition, _ -> new ArrayDeque<>());
    Commit last = of.peekLast();
    if (last != null && offset < last.offset) {
      of.clear(); // the log lost its tail, and has other execs there
      last = null;
    }
    // One commit a second is enough to remember.
    if (last == null
        || (offset > last.offset && now - last.at >= Duration.ofSeconds(1).toNanos())) {
      of.addLast(new Commit(offset, now));
    }
    Commit proven = null;
    while (of.size() > 1 && now - of.getFirst().at >= PROVEN.toNanos()) {
      proven = of.removeFirst();
    }
    if (of.size() == 1 && now - of.getFirst().at >= PROVEN.toNanos()) {
      proven = of.getFirst();
    }
    if (proven != null) {
      listener.accept(partition, proven.offset);
    }
  }

  /** Forgets a partition that this worker no longer owns. */
  void forget(int partition) {
    commits.remove(partition);
  }
}
