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

/** Has a command run in a user's sandbox. */
final class CommandCall {
  private static final List<Topic> ANSWERS = List.of(Topic.EXITED, Topic.OUTPUT);

  /** The least and the most time that an attempt has for its start, if there can be another. */
  private static final Duration SHORT = Duration.ofSeconds(15);

  private static final Duration LONG = Duration.ofSeconds(60);

  /** How far the clocks of two hosts may be apart. */
  private static final Duration CLOCKS = Duration.ofSeconds(2);

  private final Connection connection;
  private final UserId user;
  private final Command command;
  private final Deadline start;
  private Instant expiresAt = Instant.MAX;

  CommandCall(Connection connection, UserId user, Command command) {
    this.connection = connection;
    this.user = user;
    this.command = command;
    this.start = Deadline.in(command.startWithin());
  }

  /**
   * Asks for it once.
   *
   * @param isWatched whether somebody wants its output while it runs
   */
  RunningCommand start(boolean isWatched) throws InterruptedException {
    return start(isWatched, command.startWithin());
  }

  private RunningCommand start(boolean isWatched, Duration startWithin)
      throws InterruptedException {
    Resources resources = new Resources();
    boolean isStarted = false;
    try {
      var turn = connection.limits().enter(Request.COMMAND, command.maxOutput(), start);
      resources.add(turn::close);
      var following = connection.reader().follow(user, ANSWERS, start);
      resources.add(following::close);
      String id = UUID.randomUUID().toString();
      Transcript transcript = new Transcript(command.maxOutput(), System::nanoTime);
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

  private void publish(Exec exec) throws InterruptedException {
    try {
      connection.publisher().publish(exec, start);
    } catch (InterruptedException | NoAnswerException e) {
      // The log may have it, or get it later, and nobody waits for its end.
      CommandInput.kill(connection.publisher(), user, exec.eventId());
      throw e;
    }
  }

  /** Has it run to its end, with further attempts as long as nothing ran. */
  CommandResult run(@Nullable Consumer<OutputChunk> onOutput) throws InterruptedException {
    Backoff backoff = new Backoff(ThreadLocalRandom.current());
    while (true) {
      try (RunningCommand running = start(onOutput != null, attempt(command))) {
        if (onOutput != null) {
          running.forEachOutput(onOutput);
        }
        return running.await();
      } catch (CommandNotStartedException e) {
        Duration pause = pause(e.exited(), expiresAt).plus(backoff.next());
        if (!e.isRetryable() || !command.isRepeatable() || pause.toNanos() >= start.nanosLeft()) {
          throw e;
        }
        connection.metrics().repeated(Request.COMMAND);
        connection.pause(pause);
      }
    }
  }

  /** Half of the time: enough for a sandbox to be made, and to wait until it has expired. */
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
   * How long the exec that was answered so might still be started. An attempt has an id of its own,
   * because workers ignore an exec whose id they have answered. And if the worker is killed in the
   * second after its answer, the next one reads the exec again and may start it. So no attempt is
   * made before the one before has expired.
   */
  static Duration pause(Exited answer, Instant expiresAt) {
    if (answer.reason() == Exited.Reason.EXPIRED) {
      return Duration.ZERO;
    }
    Duration left = Duration.between(answer.exitedAt(), expiresAt.plus(CLOCKS));
    return left.isNegative() ? Duration.ZERO : left;
  }
}
