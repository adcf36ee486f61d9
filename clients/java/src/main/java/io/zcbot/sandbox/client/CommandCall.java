/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Runs a command in a user's sandbox. */
final class CommandCall {
  static final List<Topic> ANSWERS = List.of(Topic.EXITED, Topic.OUTPUT);

  static final List<Topic> STARTS = List.of(Topic.STARTED);

  private static final List<Topic> ANSWERS_AND_START =
      List.of(Topic.EXITED, Topic.OUTPUT, Topic.STARTED);

  /** Bounds of the time that an attempt has for its start if another one can follow. */
  private static final Duration SHORT = Duration.ofSeconds(15);

  private static final Duration LONG = Duration.ofSeconds(60);

  /** How far the clocks of two hosts may differ. */
  private static final Duration CLOCKS = Duration.ofSeconds(2);

  /** Output is in a topic of its own, which may have no leader when the command's end is read. */
  private static final Duration LATE_OUTPUT = Duration.ofSeconds(60);

  /** Copies of output that were dropped do not come at all. */
  private static final Duration LATE_COPY = Duration.ofSeconds(10);

  private final Connection connection;
  private final UserId user;
  private final Command command;
  private final Deadline start;
  private Instant expiresAt = Instant.MAX;

  /** The last attempt's share of what the client may keep. */
  private Resources turn = new Resources();

  CommandCall(Connection connection, UserId user, Command command) {
    this.connection = connection;
    this.user = user;
    this.command = command;
    this.start = Deadline.in(command.startWithin());
  }

  /**
   * Publishes the command once, without further attempts.
   *
   * @param isWatched whether its output is wanted while it runs
   */
  RunningCommand start(boolean isWatched) throws InterruptedException {
    return start(isWatched, command.startWithin());
  }

  private RunningCommand start(boolean isWatched, Duration startWithin)
      throws InterruptedException {
    Resources resources = new Resources();
    boolean isStarted = false;
    try {
      turn = connection.limits().enter(Request.COMMAND, user, command.outputInMemory(), start);
      resources.add(turn::close);
      var following = connection.reader().follow(user, answers(), start);
      resources.add(following::close);
      String id = UUID.randomUUID().toString();
      Transcript transcript =
          command.transcript(
              connection.limits(), lateOutput(connection.options()), System::nanoTime);
      resources.add(transcript::leave);
      resources.add(connection.answers().expect(user, id, transcript)::close);
      InputStream stdin = command.stdinStream();
      Instant now = Connection.now();
      Duration left = Duration.ofNanos(start.nanosLeft());
      expiresAt = now.plus(startWithin.compareTo(left) < 0 ? startWithin : left);
      publish(
          command.exec(id, user, now, expiresAt, connection.options().requestedBy(), isWatched));
      Deadline end = Deadline.in(Duration.between(now, expiresAt).plus(command.runsAtMost()));
      RunningCommand running =
          new RunningCommand(connection, user, id, command, end, transcript, stdin, resources);
      isStarted = true;
      return running;
    } finally {
      if (!isStarted) {
        resources.close();
      }
    }
  }

  private List<Topic> answers() {
    return command.isStartAnnounced() ? ANSWERS_AND_START : ANSWERS;
  }

  private void publish(Exec exec) throws InterruptedException {
    try {
      connection.publisher().publish(exec, start);
    } catch (InterruptedException | NoAnswerException e) {
      // The log may have the exec, or get it later, but nobody waits for the command's end.
      CommandInput.kill(connection.publisher(), user, exec.eventId());
      throw e;
    }
  }

  /** Runs the command to its end. It is tried again if nothing ran and there is time left. */
  CommandResult run(@Nullable Consumer<OutputChunk> onOutput) throws InterruptedException {
    Backoff backoff = new Backoff(ThreadLocalRandom.current());
    CommandResult result = null;
    while (result == null) {
      try (RunningCommand running = start(onOutput != null, attempt())) {
        result = result(running, onOutput, backoff);
      }
    }
    return result;
  }

  private Duration attempt() {
    return connection.options().isRepeating() ? attempt(command) : command.startWithin();
  }

  /** Returns the result of an attempt; null if it did not start, and another one may begin. */
  private @Nullable CommandResult result(
      RunningCommand running, @Nullable Consumer<OutputChunk> onOutput, Backoff backoff)
      throws InterruptedException {
    while (true) {
      try {
        int passed = onOutput == null ? 0 : running.passOutput(onOutput);
        CommandResult result = running.await();
        if (onOutput != null && passed == 0) {
          running.forEachOutput(onOutput); // it may have been started only now
        }
        return result;
      } catch (CommandNotStartedException e) {
        Duration pause = pause(e.exited(), expiresAt).plus(backoff.next());
        Duration left = Duration.ofNanos(start.nanosLeft());
        if (!e.isRetryable()
            || !command.isRepeatable()
            || !connection.options().isRepeating()
            || pause.compareTo(left) >= 0) {
          throw e;
        }
        // What did not start must not keep others from running. If it starts late after all, its
        // output is kept beyond the limits.
        turn.close();
        if (!running.awaitLateStart(pause)) {
          connection.repeated(Request.COMMAND, user, String.valueOf(e.getMessage()));
          return null;
        }
      }
    }
  }

  /** Returns how long to wait for the next piece of output after a command's end. */
  static Duration lateOutput(ClientOptions options) {
    return options.replyTopic() == null ? LATE_OUTPUT : LATE_COPY;
  }

  /**
   * Returns how long an attempt may wait for its start. If the command can be repeated, that is
   * half of the time, within bounds: enough to make a sandbox, and the rest is left for another
   * attempt after this one has expired.
   */
  static Duration attempt(Command command) {
    if (!command.isRepeatable()) {
      return command.startWithin();
    }
    Duration half = command.startWithin().dividedBy(2);
    if (half.compareTo(SHORT) < 0) {
      return SHORT;
    }
    return half.compareTo(LONG) > 0 ? LONG : half;
  }

  /**
   * Returns how long an exec with this answer might still be started. Each attempt has an id of its
   * own, because workers ignore an exec whose id they have answered. If a worker is killed in the
   * second after its answer, its successor reads the exec again and may start it. So the next
   * attempt is made only when the previous one has expired, and not if it is known to have started.
   */
  static Duration pause(Exited answer, Instant expiresAt) {
    if (answer.reason() == Exited.Reason.EXPIRED) {
      return Duration.ZERO;
    }
    Duration left = Duration.between(answer.exitedAt(), expiresAt.plus(CLOCKS));
    return left.isNegative() ? Duration.ZERO : left;
  }
}
