/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.Transcript.NoPiece;
import io.zcbot.sandbox.client.Transcript.Piece;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The output of a command that is not kept. The log is its buffer: what came while the transcript
 * had no room, because the caller is slower than the command, is read again from there, as much at
 * a time as there is room for. So the caller delays nobody else, however slow it is.
 */
final class PassedOutput {
  /** Room for pieces that were not taken yet, and for the one that was taken last. */
  static final int ROOM = 1 << 20;

  /**
   * How much of the room a command has for itself: one of the longest pieces that workers write.
   * The rest is there while few commands need it.
   */
  static final int RESERVED = 256 << 10;

  private static final Duration READ = Duration.ofSeconds(60);

  /** How long to wait for the next piece after the log was read in vain. */
  private static final Duration IN_VAIN = Duration.ofSeconds(1);

  private final Connection connection;
  private final UserId user;
  private final String execId;
  private final Transcript transcript;
  private final Supplier<NoAnswerException> unanswered;
  private Deadline again = Deadline.in(Duration.ZERO);

  /**
   * @param unanswered makes the exception for a command whose end is not known at its deadline
   */
  PassedOutput(
      Connection connection,
      UserId user,
      String execId,
      Transcript transcript,
      Supplier<NoAnswerException> unanswered) {
    this.connection = connection;
    this.user = user;
    this.execId = execId;
    this.transcript = transcript;
    this.unanswered = unanswered;
  }

  /**
   * Waits for the next piece, which is returned once.
   *
   * @return null if no more pieces come
   * @throws NoAnswerException if the command's end is not known at the deadline, or what is to be
   *     read again can't be read
   */
  @Nullable Piece next(Deadline deadline) throws InterruptedException {
    while (true) {
      switch (taken(deadline)) {
        case Piece piece -> {
          again = Deadline.in(Duration.ZERO);
          return piece;
        }
        case NoPiece.UNREAD -> read();
        case NoPiece.END -> {
          return null;
        }
      }
    }
  }

  private Transcript.Next taken(Deadline deadline) throws InterruptedException {
    try {
      return transcript.take(deadline, again);
    } catch (NoAnswerException e) {
      throw unanswered.get();
    }
  }

  private void read() throws InterruptedException {
    Map<TopicPartition, Long> unread = transcript.takeUnread();
    try {
      connection
          .lookups()
          .look(
              "read the output of exec " + execId + " again",
              Deadline.in(READ),
              log -> {
                for (TopicPartition partition : Set.copyOf(unread.keySet())) {
                  read(log, partition, unread);
                }
                return true;
              });
      again = Deadline.in(transcript.hasPiece() ? Duration.ZERO : IN_VAIN);
    } finally {
      transcript.putUnread(unread);
    }
  }

  /** Reads a partition until there is no more room, and leaves in the map what is still unread. */
  private void read(LogLookup log, TopicPartition partition, Map<TopicPartition, Long> unread) {
    boolean[] isFull = {false};
    log.read(
        partition,
        unread.getOrDefault(partition, 0L),
        log.end(partition),
        record -> {
          Output output = connection.answers().output(record, user, execId);
          isFull[0] =
              output != null
                  && !transcript.accept(output, partition, record.offset())
                  && transcript.hasPiece();
          unread.put(partition, isFull[0] ? record.offset() : record.offset() + 1);
          return !isFull[0];
        });
    if (!isFull[0]) {
      unread.remove(partition);
    }
  }
}
