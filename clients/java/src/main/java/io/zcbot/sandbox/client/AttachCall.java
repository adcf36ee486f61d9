/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** Follows a command of a user's that somebody else has started. */
final class AttachCall {
  private static final Duration ATTACH = Duration.ofSeconds(30);

  /** How much later than a command's end the table may say that it is answered. */
  private static final Duration LATE_TABLE = Duration.ofSeconds(30);

  /** The contract's longest time-out, for commands whose own is not known. */
  private static final Duration LONGEST = Duration.ofHours(24);

  private final Connection connection;
  private final UserId user;
  private final String execId;
  private final Resources resources = new Resources();

  AttachCall(Connection connection, UserId user, String execId) {
    this.connection = connection;
    this.user = user;
    this.execId = execId;
  }

  RunningCommand attach() throws InterruptedException {
    if (connection.options().replyTopic() != null) {
      throw new InvalidRequestException(
          "replyTopic",
          "replyTopic: answers to others are not copied to it, so a client with one can't attach to"
              + " commands; use a client without one");
    }
    Deadline deadline = Deadline.in(ATTACH);
    boolean isAttached = false;
    try {
      resources.add(connection.limits().attach(user, PassedOutput.RESERVED, deadline)::close);
      RunningCommand running =
          connection
              .lookups()
              .look("attach to exec " + execId, deadline, log -> attached(log, deadline));
      isAttached = true;
      return running;
    } finally {
      if (!isAttached) {
        resources.close();
      }
    }
  }

  /** Follows the command first, so that an end that is not in the table yet is not missed. */
  private RunningCommand attached(LogLookup log, Deadline deadline) throws InterruptedException {
    RunningTable table = new RunningTable(log, connection.options().topicPrefix(), user);
    Transcript transcript = follow(log, table, deadline);
    CommandEntry entry =
        table.entries().stream()
            .filter(each -> each.execId().equals(execId))
            .findFirst()
            .orElseThrow(() -> new CommandNotRunningException(user, execId));
    if (table.hasEndedSince(execId, Instant.now().minus(LATE_TABLE))) {
      throw new CommandNotRunningException(user, execId);
    }
    Exec exec = table.exec(entry);
    return RunningCommand.attached(
        connection,
        user,
        execId,
        Deadline.in(left(entry, exec)),
        transcript,
        resources,
        exec == null || exec.inputFollows());
  }

  private Transcript follow(LogLookup log, RunningTable table, Deadline deadline)
      throws InterruptedException {
    TopicPartition output = table.partition(Topic.OUTPUT);
    Transcript transcript =
        Transcript.joining(
            PassedOutput.ROOM,
            PassedOutput.RESERVED,
            connection.limits(),
            output,
            log.end(output),
            CommandCall.lateOutput(connection.options()),
            System::nanoTime);
    resources.add(transcript::leave);
    resources.add(connection.reader().follow(user, CommandCall.ANSWERS, deadline)::close);
    resources.add(connection.answers().expect(user, execId, transcript)::close);
    return transcript;
  }

  /** Returns how long the command's end may take. */
  private static Duration left(CommandEntry entry, @Nullable Exec exec) {
    Duration most = exec == null || exec.timeout() == null ? LONGEST : exec.timeout();
    Duration left =
        Duration.between(Instant.now(), entry.startedAt().plus(most)).plus(Command.SLACK);
    return left.compareTo(Command.SLACK) < 0 ? Command.SLACK : left;
  }
}
