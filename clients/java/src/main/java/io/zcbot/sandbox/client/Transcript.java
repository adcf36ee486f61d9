/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one command: its output in order, each piece once, and its end. The log may
 * contain pieces repeatedly, out of order, or not at all, and the end before the last piece. A
 * transcript keeps as many bytes as the command may write, and drops the rest. A command that was
 * answered without a start can be started nevertheless, by the next worker that has its partition;
 * that answer then counts no more. Safe for concurrent use.
 */
final class Transcript {
  private static final int MAX_EARLY = 1024;

  /** A piece of output as the command wrote it. */
  record Piece(OutputStreamName stream, Data data) {}

  private final int bound;
  private final Duration patience;
  private final LongSupplier clock;

  /** Whether the end, or that there will be none, is known. Keeps nothing of the output. */
  private final AtomicBoolean over = new AtomicBoolean();

  private volatile boolean isClosed;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final List<Piece> pieces = new ArrayList<>();
  private final TreeMap<Long, Output> early = new TreeMap<>();
  private int bytes;
  private long next;
  private @Nullable Exited exited;

  /** When the end or the last piece came. */
  private long progressed;

  private @Nullable SandboxException failure;

  /**
   * Creates the transcript of a command that is about to be published.
   *
   * @param bound how many bytes it may write
   * @param patience how long to wait for the next piece of output after the end. All pieces are in
   *     the log before the end, so each is read soon after the one before it, but all can take
   *     longer
   */
  Transcript(int bound, Duration patience, LongSupplier clock) {
    this.bound = bound;
    this.patience = patience;
    this.clock = clock;
  }

  /** Takes a piece of output. Returns whether it was kept. */
  boolean accept(Output output) {
    lock.lock();
    try {
      int length = Math.max(1, output.data().length()); // empty pieces take room as well
      if (output.seq() < next
          || early.containsKey(output.seq())
          || isKnownToBeWhole()
          || length > bound - bytes
          || (output.seq() > next && early.size() == MAX_EARLY)) {
        return false;
      }
      bytes += length;
      if (isAnsweredWithoutStart()) { // but it was started
        exited = null;
        over.set(false);
      }
      early.put(output.seq(), output);
      progressed = clock.getAsLong();
      while (!early.isEmpty() && early.firstKey() == next) {
        Output taken = early.pollFirstEntry().getValue();
        pieces.add(new Piece(taken.stream(), taken.data()));
        next++;
      }
      changed.signalAll();
      return true;
    } finally {
      lock.unlock();
    }
  }

  private boolean isKnownToBeWhole() {
    return exited != null && !isAnsweredWithoutStart() && next >= exited.outputCount();
  }

  private boolean isAnsweredWithoutStart() {
    return exited != null && !Endings.mayHaveRun(exited);
  }

  /** Takes the command's end. Returns whether it is the one that counts. */
  boolean end(Exited end) {
    lock.lock();
    try {
      boolean isStarted = Endings.mayHaveRun(end);
      boolean isFirst = exited == null && (isStarted || bytes == 0);
      if (!isFirst && !(isStarted && isAnsweredWithoutStart())) {
        return false;
      }
      add(OutputStreamName.STDOUT, end.stdout());
      add(OutputStreamName.STDERR, end.stderr());
      exited = end;
      over.set(true);
      progressed = clock.getAsLong();
      changed.signalAll();
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void add(OutputStreamName stream, @Nullable Data data) {
    if (data != null && data.length() > 0 && data.length() <= bound - bytes) {
      bytes += data.length();
      pieces.add(new Piece(stream, data));
    }
  }

  /** Ends all waits, because the client is closed. */
  void close() {
    isClosed = true;
    fail(new ClientClosedException());
  }

  /** Ends all waits with an exception, because the command's end will not be known. */
  void fail(SandboxException e) {
    lock.lock();
    try {
      if (failure == null && exited == null) {
        failure = e;
        over.set(true);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean isOver() {
    return over.get();
  }

  /** Returns what answers as {@link #isOver}, for those who may outlive the transcript. */
  BooleanSupplier over() {
    return over::get;
  }

  /**
   * Returns whether the command's end is known. Throws what {@link #awaitEnd} throws if it will not
   * be.
   */
  boolean isEnded() {
    lock.lock();
    try {
      if (failure != null) {
        throw failure;
      }
      return exited != null;
    } finally {
      lock.unlock();
    }
  }

  /** Returns for how many nanoseconds more output may come after the end; 0 if none will. */
  private long lateness() {
    if (exited == null) {
      return Long.MAX_VALUE;
    }
    if (next >= exited.outputCount() || exited.reason() == Exited.Reason.LOST) {
      return 0;
    }
    return Math.max(0, patience.toNanos() - (clock.getAsLong() - progressed));
  }

  /**
   * Waits for the command's end and all its output.
   *
   * @return null if the command has not ended by the deadline
   */
  @Nullable Exited awaitEnd(Deadline deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (true) {
        if (failure != null) {
          throw failure;
        }
        long wait = Math.min(lateness(), deadline.nanosLeft());
        if (wait == 0) {
          return exited;
        }
        changed.awaitNanos(wait);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until a command that was answered without a start is started nevertheless.
   *
   * @return false if it is not known to be started by the deadline
   * @throws ClientClosedException if the client is closed before
   */
  boolean awaitStart(Deadline deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (isAnsweredWithoutStart()) {
        if (isClosed) {
          throw new ClientClosedException();
        }
        if (deadline.isOver()) {
          return false;
        }
        changed.awaitNanos(deadline.nanosLeft());
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for a piece of output.
   *
   * @param index number of the piece, from 0
   * @return null if the command has ended and the piece does not come
   * @throws NoAnswerException if the command's end is not known at the deadline
   */
  @Nullable Piece piece(int index, Deadline deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (index >= pieces.size()) {
        if (failure != null) {
          throw failure;
        }
        long wait = Math.min(lateness(), deadline.nanosLeft());
        if (wait == 0) {
          if (exited != null) {
            return null;
          }
          throw new NoAnswerException("the command's end did not come by its deadline", null);
        }
        changed.awaitNanos(wait);
      }
      return pieces.get(index);
    } finally {
      lock.unlock();
    }
  }

  /** Returns how many of the pieces of output that the command's end counts did not arrive. */
  long missing() {
    lock.lock();
    try {
      return exited == null || exited.reason() == Exited.Reason.LOST
          ? 0
          : Math.max(0, exited.outputCount() - next);
    } finally {
      lock.unlock();
    }
  }

  /** Returns what was written to one of the streams so far. */
  Data written(OutputStreamName stream) {
    lock.lock();
    try {
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      pieces.stream()
          .filter(piece -> piece.stream() == stream)
          .forEach(piece -> all.writeBytes(piece.data().toByteArray()));
      return Data.of(all.toByteArray());
    } finally {
      lock.unlock();
    }
  }
}
