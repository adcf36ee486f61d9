/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Output that is published while the command runs. The command may write more only as the log
 * acknowledges records. Several records are in flight at once; when one fails, it and those behind
 * it are published again one after another, so that the log has them in order.
 */
final class StreamedOutput extends CommandOutput {
  /** Large: each record costs worker, broker and readers about as much as 100 KiB of content. */
  private static final int MAX_RECORD = 256 * 1024;

  /** What a command may have in flight beyond the window, if the budget allows. */
  private static final int MAX_EXTRA = 2 * MAX_RECORD;

  /** A command whose records are shorter than this needs no more than the window. */
  private static final int MUCH = WINDOW / 4;

  /** How long small writes are collected; the first is published at once. */
  private static final long COLLECTING = Duration.ofMillis(2).toNanos();

  /** How long a record is filled once a command has written more than a window. */
  private static final long FILLING = Duration.ofMillis(10).toNanos();

  private final CommandKey key;
  private final Budget<UserId>.Share budget;
  private final EventSink sink;
  private final Fence fence;
  private final Time time;
  private final SandboxMetrics metrics;
  private final StreamQueues pending = new StreamQueues();
  private final ArrayDeque<Sent> inFlight = new ArrayDeque<>();
  private OutputStreamName first = OutputStreamName.STDOUT;
  private @Nullable Long flushed;
  private int extra;
  private long seq;

  private record Sent(Output event, CompletableFuture<Void> acknowledged) {
    boolean hasFailed() {
      return acknowledged.isCompletedExceptionally();
    }
  }

  private record Chunk(OutputStreamName stream, Data data) {}

  StreamedOutput(
      CommandKey key,
      int bound,
      Budget<UserId>.Share budget,
      EventSink sink,
      Fence fence,
      Time time,
      SandboxMetrics metrics) {
    super(bound);
    this.key = key;
    this.budget = budget;
    this.sink = sink;
    this.fence = fence;
    this.time = time;
    this.metrics = metrics;
  }

  @Override
  void keep(OutputStreamName stream, Data data, int count) {
    boolean wasEmpty = pending.length() == 0;
    if (wasEmpty) {
      first = stream;
    }
    pending.of(stream).add(data, count);
    if (wasEmpty || isWorthARecord()) {
      changed.signalAll();
    }
  }

  /** Whether waiting for more output is pointless. */
  private boolean isWorthARecord() {
    return pending.length() >= MAX_RECORD || isHeldUp() || isEnded();
  }

  /** How long to wait for more output since the last record, in nanoseconds. */
  private long patience() {
    return pending.length() < WINDOW ? COLLECTING : FILLING;
  }

  @Override
  void complete() throws FencedException, InterruptedException {
    while (awaitWork()) {
      if (hasFailed()) {
        settle();
      }
      for (Chunk chunk : next()) {
        publish(chunk);
      }
    }
    settle();
  }

  /**
   * Waits for output, or until a record fails: the command may be blocked in a write until the log
   * has that record. Returns false at the end of the output.
   */
  private boolean awaitWork() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (pending.length() == 0 && !isEnded() && !hasFailed()) {
        changed.await();
      }
      return pending.length() > 0 || !isEnded();
    } finally {
      lock.unlock();
    }
  }

  private boolean hasFailed() {
    return inFlight.stream().anyMatch(Sent::hasFailed);
  }

  /** Returns the chunks to publish next, and waits a moment for more of a small one. */
  private List<Chunk> next() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      if (pending.length() == 0) {
        return List.of();
      }
      long waited = flushed == null ? FILLING : time.nanos() - flushed;
      while (waited < patience() && !isWorthARecord()) {
        long left = patience() - waited;
        waited += left - changed.awaitNanos(left);
      }
      List<Chunk> chunks = new ArrayList<>();
      take(first, chunks);
      for (OutputStreamName stream : OutputStreamName.values()) {
        if (stream != first) {
          take(stream, chunks);
        }
      }
      flushed = time.nanos();
      return chunks;
    } finally {
      lock.unlock();
    }
  }

  private void take(OutputStreamName stream, List<Chunk> chunks) {
    Data data = pending.of(stream).take(MAX_RECORD);
    if (data.length() > 0) {
      chunks.add(new Chunk(stream, data));
    }
  }

  private void publish(Chunk chunk) throws FencedException, InterruptedException {
    Output event =
        new Output(
            EventIds.output(key.user(), key.execId(), seq),
            key.user(),
            key.execId(),
            time.now(),
            seq++,
            chunk.stream(),
            chunk.data());
    // While it waits, records may fail, which none may overtake: it fails then as well.
    inFlight.add(new Sent(event, sink.publishAsync(event, fence, this::hasFailed)));
    CompletableFuture<Void> acknowledged = inFlight.getLast().acknowledged();
    var _ = acknowledged.whenComplete((_, failure) -> ended(chunk.data().length(), failure));
    while (!inFlight.isEmpty() && inFlight.getFirst().acknowledged().isDone()) {
      settleFirst();
    }
  }

  /** Waits until the log has all records in flight. */
  private void settle() throws FencedException, InterruptedException {
    while (!inFlight.isEmpty()) {
      settleFirst();
    }
  }

  /** Waits for the oldest record. If it failed, publishes it and all behind it again. */
  private void settleFirst() throws FencedException, InterruptedException {
    if (has(inFlight.getFirst())) {
      if (inFlight.removeFirst().event().data().length() >= MUCH) {
        widen();
      }
      return;
    }
    List<Sent> again = List.copyOf(inFlight);
    inFlight.clear();
    List<Sent> failed = new ArrayList<>();
    for (Sent sent : again) {
      if (!has(sent)) {
        failed.add(sent);
      }
    }
    for (Sent sent : again) {
      sink.publish(sent.event(), fence);
      if (failed.contains(sent)) {
        acknowledged(sent.event().data().length());
      }
    }
  }

  private static boolean has(Sent sent) throws InterruptedException {
    try {
      sent.acknowledged().get();
      return true;
    } catch (ExecutionException _) {
      return false;
    }
  }

  /** The log has a record, or the command's thread must publish it again. */
  private void ended(int bytes, @Nullable Throwable failure) {
    if (failure == null) {
      acknowledged(bytes);
      return;
    }
    wake();
  }

  private void acknowledged(int bytes) {
    metrics.outputPublished(SandboxMetrics.OutputWay.STREAMED, bytes);
    int back;
    lock.lock();
    try {
      back = bytes < MUCH ? Math.min(bytes, extra) : 0;
      extra -= back;
      allow(bytes - back);
    } finally {
      lock.unlock();
    }
    if (back > 0) {
      budget.give(back);
    }
  }

  /** Allows a command with large records more output in flight. */
  private void widen() {
    lock.lock();
    try {
      int more = budget.tryTake(Math.min(MAX_RECORD, MAX_EXTRA - extra));
      extra += more;
      allow(more);
    } finally {
      lock.unlock();
    }
  }

  /** Discards nothing: the output waits for the log only, and so would the answer. */
  @Override
  void hurry() {}

  @Override
  void release() {
    int back;
    lock.lock();
    try {
      back = extra;
      extra = 0;
    } finally {
      lock.unlock();
    }
    budget.give(back);
  }

  @Override
  @Nullable Data of(OutputStreamName stream) {
    return null;
  }

  @Override
  long count() {
    return seq;
  }
}
