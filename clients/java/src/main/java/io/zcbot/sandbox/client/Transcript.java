/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Started;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one command: its output in order, each piece once, and its end. The log may
 * contain pieces repeatedly, out of order, or not at all, and the end before the last piece. A
 * command that was answered without a start can be started nevertheless, by the next worker that
 * has its partition; that answer then counts no more. Safe for concurrent use.
 *
 * <p>A transcript keeps as many bytes as the command may write, and drops the rest. One that is
 * {@linkplain #passing passing} keeps each piece only until it is taken. What it has no room for
 * meanwhile stays in the log: it notes from where the log must be read again.
 */
final class Transcript {
  private static final int MAX_EARLY = 1024;

  /**
   * How long to wait for an announced start after the end. It is in the log before the end, in a
   * partition of its own.
   */
  private static final Duration LATE_START = Duration.ofSeconds(10);

  /** Memory beyond what is reserved, as long as others need it less. */
  interface Spare {
    /** Takes some, if there is enough of it. */
    boolean take(int bytes);

    void give(int bytes);
  }

  /** In what memory is taken and given back. */
  private static final int UNIT = 4096;

  /** What comes next in a transcript that is passing. */
  sealed interface Next {}

  /** A piece of output as the command wrote it. */
  record Piece(OutputStreamName stream, Data data) implements Next {
    /** The room it takes; an empty one as well. */
    int room() {
      return Math.max(1, data.length());
    }
  }

  /** Why there is no next piece. */
  enum NoPiece implements Next {
    /** The log must be read again: {@link #takeUnread}. */
    UNREAD,
    /** The command has ended, and no more pieces come. */
    END
  }

  private final int bound;
  private final Duration patience;
  private final LongSupplier clock;
  private final boolean isPassing;
  private final int reserved;
  private final Spare spare;

  /** Whether the end, or that there will be none, is known. Keeps nothing of the output. */
  private final AtomicBoolean over = new AtomicBoolean();

  private volatile boolean isClosed;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final List<Piece> pieces = new ArrayList<>();
  private final ArrayDeque<Piece> passing = new ArrayDeque<>();
  private final TreeMap<Long, Output> early = new TreeMap<>();
  private int bytes;

  /** The room of the piece that was taken last, which its taker may still have. */
  private int taken;

  /** What was taken of the spare memory. */
  private int extra;

  private boolean isLeft;

  /** The number of the piece that comes next; negative if any may be the first. */
  private long next;

  /** By partition, the offset of the first output for which there was no room. */
  private final Map<TopicPartition, Long> unread = new HashMap<>();

  /** Where output may be of which the first piece is not known; null if it is known. */
  private @Nullable Start since;

  private @Nullable Started started;
  private @Nullable Exited exited;

  /** When the end or the last piece came. */
  private long progressed;

  private long endedAt;

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
    this(bound, bound, NONE, patience, clock, false, 0);
  }

  private Transcript(
      int bound,
      int reserved,
      Spare spare,
      Duration patience,
      LongSupplier clock,
      boolean isPassing,
      long next) {
    this.bound = bound;
    this.reserved = reserved;
    this.spare = spare;
    this.patience = patience;
    this.clock = clock;
    this.isPassing = isPassing;
    this.next = next;
  }

  private static final Spare NONE =
      new Spare() {
        @Override
        public boolean take(int bytes) {
          return false;
        }

        @Override
        public void give(int bytes) {}
      };

  private record Start(TopicPartition partition, long offset) {}

  /**
   * Creates the transcript of a command that is about to be published, which keeps pieces only
   * until they are taken.
   *
   * @param bound how many bytes of output it keeps at a time; a longer piece if it is the only one
   * @param reserved how many of them it may always keep; for more it takes spare memory
   */
  static Transcript passing(
      int bound, int reserved, Spare spare, Duration patience, LongSupplier clock) {
    return new Transcript(bound, reserved, spare, patience, clock, true, 0);
  }

  /**
   * Creates the transcript of a command that runs already: its output from the first piece on that
   * comes. It keeps pieces only until they are taken, as {@link #passing} does.
   *
   * @param partition where its output is
   * @param offset the output before this one is left out
   */
  static Transcript joining(
      int bound,
      int reserved,
      Spare spare,
      TopicPartition partition,
      long offset,
      Duration patience,
      LongSupplier clock) {
    Transcript joining = new Transcript(bound, reserved, spare, patience, clock, true, -1);
    joining.since = new Start(partition, offset);
    return joining;
  }

  /**
   * Takes a piece of output. Returns whether it was kept.
   *
   * @param partition where the piece is in the log
   */
  boolean accept(Output output, TopicPartition partition, long offset) {
    lock.lock();
    try {
      if (output.seq() < next || early.containsKey(output.seq()) || isKnownToBeWhole()) {
        return false;
      }
      if (next < 0) {
        next = output.seq();
      }
      since = null;
      int length = Math.max(1, output.data().length()); // empty pieces take room as well
      if (!hasRoom(output.seq(), length)) {
        if (isPassing) {
          mustRead(partition, offset);
        }
        return false;
      }
      bytes += length;
      wasStarted();
      early.put(output.seq(), output);
      progressed = clock.getAsLong();
      while (!early.isEmpty() && early.firstKey() == next) {
        Output taken = early.pollFirstEntry().getValue();
        add(new Piece(taken.stream(), taken.data()));
        next++;
      }
      changed.signalAll();
      return true;
    } finally {
      lock.unlock();
    }
  }

  private boolean hasRoom(long seq, int length) {
    if (seq > next) { // half of the room is for pieces that can be taken
      return length <= (isPassing ? bound / 2 : bound) - bytes
          && early.size() < MAX_EARLY
          && hasMemory(length);
    }
    return (length <= bound - bytes && hasMemory(length))
        || (isPassing && passing.isEmpty() && taken == 0);
  }

  /** Takes spare memory if what is reserved is not enough. Returns whether there is enough. */
  private boolean hasMemory(int length) {
    int missing = inUnits(bytes + length - reserved) - extra;
    if (missing > 0) {
      if (isLeft || !spare.take(missing)) {
        return false;
      }
      extra += missing;
    }
    return true;
  }

  private static int inUnits(int bytes) {
    return Math.max(0, (bytes + UNIT - 1) / UNIT * UNIT);
  }

  /** Gives back spare memory that is not needed any more. */
  private void shrink() {
    int unneeded = extra - (isLeft ? 0 : inUnits(bytes - reserved));
    if (unneeded > 0) {
      extra -= unneeded;
      spare.give(unneeded);
    }
  }

  /** Keeps no more than what is reserved from now on: nobody takes pieces any more. */
  void leave() {
    lock.lock();
    try {
      isLeft = true;
      shrink();
    } finally {
      lock.unlock();
    }
  }

  private void add(Piece piece) {
    if (isPassing) {
      passing.add(piece);
    } else {
      pieces.add(piece);
    }
  }

  private void mustRead(TopicPartition partition, long offset) {
    unread.merge(partition, offset, Math::min);
    changed.signalAll();
  }

  /** Takes the command's start. Returns whether it was not known. */
  boolean start(Started start) {
    lock.lock();
    try {
      if (started != null) {
        return false;
      }
      started = start;
      wasStarted();
      changed.signalAll();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for the command's announced start. It may be read after the command's end.
   *
   * @return null if the command has ended and no start is known
   * @throws NoAnswerException if neither is known at the deadline
   */
  @Nullable Started started(Deadline deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (started == null) {
        if (failure != null) {
          throw failure;
        }
        long wait = Math.min(startLateness(), deadline.nanosLeft());
        if (wait == 0) {
          if (exited != null) {
            return null;
          }
          throw new NoAnswerException("the command did not start in that time", null);
        }
        changed.awaitNanos(wait);
      }
      return started;
    } finally {
      lock.unlock();
    }
  }

  /** Returns for how many nanoseconds more the start may come after the end; 0 if it will not. */
  private long startLateness() {
    if (exited == null) {
      return Long.MAX_VALUE;
    }
    return isAnsweredWithoutStart()
        ? 0
        : Math.max(0, LATE_START.toNanos() - (clock.getAsLong() - endedAt));
  }

  private boolean isKnownToBeWhole() {
    return exited != null && !isAnsweredWithoutStart() && next >= exited.outputCount();
  }

  /** Forgets an answer without a start, which counts no more. */
  private void wasStarted() {
    if (isAnsweredWithoutStart()) {
      exited = null;
      over.set(false);
    }
  }

  private boolean isAnsweredWithoutStart() {
    return exited != null && !Endings.mayHaveRun(exited);
  }

  /** Takes the command's end. Returns whether it is the one that counts. */
  boolean end(Exited end) {
    lock.lock();
    try {
      boolean isStarted = Endings.mayHaveRun(end);
      boolean isFirst = exited == null && (isStarted || (bytes == 0 && next <= 0));
      if (!isFirst && !(isStarted && isAnsweredWithoutStart())) {
        return false;
      }
      add(OutputStreamName.STDOUT, end.stdout());
      add(OutputStreamName.STDERR, end.stderr());
      exited = end;
      if (since != null && end.outputCount() > 0) { // all of it may have been before it was joined
        mustRead(since.partition(), since.offset());
      }
      over.set(true);
      progressed = clock.getAsLong();
      endedAt = progressed;
      changed.signalAll();
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void add(OutputStreamName stream, @Nullable Data data) {
    if (data != null && data.length() > 0 && (isPassing || data.length() <= bound - bytes)) {
      bytes += data.length();
      add(new Piece(stream, data));
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
    if (next < 0 || next >= exited.outputCount() || exited.reason() == Exited.Reason.LOST) {
      return 0;
    }
    return Math.max(0, patience.toNanos() - (clock.getAsLong() - progressed));
  }

  /**
   * Waits for the command's end and all its output; if it is passing, only for the end.
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
        long late = isPassing && exited != null ? 0 : lateness(); // nobody may take the pieces
        long wait = Math.min(late, deadline.nanosLeft());
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

  boolean isPassing() {
    return isPassing;
  }

  // --- for those that are passing ---------------------------------------------------------------

  /**
   * Waits for the next piece of output and takes it.
   *
   * @param again when it may be asked for to read the log again
   * @throws NoAnswerException if the command's end is not known at the deadline
   */
  Next take(Deadline deadline, Deadline again) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      bytes -= taken;
      taken = 0;
      shrink();
      while (passing.isEmpty()) {
        if (failure != null) {
          throw failure;
        }
        if (!unread.isEmpty() && again.isOver()) {
          return NoPiece.UNREAD;
        }
        long wait = Math.min(lateness(), deadline.nanosLeft());
        if (wait == 0) {
          if (exited != null) {
            return NoPiece.END;
          }
          throw new NoAnswerException("the command's end did not come by its deadline", null);
        }
        changed.awaitNanos(unread.isEmpty() ? wait : Math.min(wait, again.nanosLeft()));
      }
      Piece piece = passing.remove();
      taken = piece.room();
      progressed = clock.getAsLong();
      return piece;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a piece can be taken without a wait. */
  boolean hasPiece() {
    lock.lock();
    try {
      return !passing.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Returns from which offsets the log must be read again, and forgets that. */
  Map<TopicPartition, Long> takeUnread() {
    lock.lock();
    try {
      Map<TopicPartition, Long> taken = new HashMap<>(unread);
      unread.clear();
      return taken;
    } finally {
      lock.unlock();
    }
  }

  /** Notes from which offsets the log must still be read. */
  void putUnread(Map<TopicPartition, Long> offsets) {
    lock.lock();
    try {
      offsets.forEach(this::mustRead);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns how many of the pieces of output that the command's end counts did not arrive; 0 if the
   * transcript is passing, which does not keep them.
   */
  long missing() {
    return isPassing ? 0 : absent();
  }

  /** Returns how many of the pieces of output that the command's end counts did not arrive. */
  long absent() {
    lock.lock();
    try {
      return exited == null || next < 0 || exited.reason() == Exited.Reason.LOST
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
