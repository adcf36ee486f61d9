/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.config.Durations;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One command in a user's sandbox, from its exec to its end. One thread publishes and follows it;
 * {@link #leave}, {@link #fail} and {@link #hasAnswered} may be called by any thread, hence the
 * volatile fields.
 */
final class ExecSession {
  /** How soon {@link #follow} notices {@link #leave} and {@link #fail}. */
  private static final Duration POLL = Duration.ofMillis(100);

  /**
   * How long to wait for outputs after the command's end. They were published before it, and only
   * have to be read from another topic.
   */
  private static final Duration LATE_OUTPUT = Duration.ofSeconds(10);

  private final CommandLog log;
  private final Exec exec;
  private final Duration patience;
  private final OutputSequence outputs;
  private final WaitingLine waiting;
  private volatile @Nullable CommandException failure;
  private volatile ExecResult.@Nullable Left left;
  private @Nullable Exited exited;
  private volatile long progressed;

  /**
   * Creates a session whose exec is not published yet.
   *
   * @param patience how long to wait for the command's end
   */
  ExecSession(
      CommandLog log, Exec exec, Duration patience, OutputSequence outputs, WaitingLine waiting) {
    this.log = log;
    this.exec = exec;
    this.patience = patience;
    this.outputs = outputs;
    this.waiting = waiting;
  }

  /**
   * Ends the wait; the command goes on.
   *
   * @param exitCode the exit code of this program
   */
  void leave(int exitCode) {
    left =
        new ExecResult.Left(
            exitCode,
            "left the command "
                + exec.eventId()
                + "; it runs until it ends or into its time-out, '"
                + watch()
                + "' shows its end");
  }

  /** Ends the wait with a failure, because the command's input can't be published. */
  void fail(CommandException e) {
    failure = e;
  }

  /** Whether any output or the end of the command has come. */
  boolean hasAnswered() {
    return progressed != 0;
  }

  void publish() throws CommandException, InterruptedException {
    log.publish(exec);
  }

  /**
   * Blocks until the command has ended or the wait is ended, and writes its output meanwhile.
   *
   * @throws IOException if the output can't be written
   */
  ExecResult follow() throws CommandException, IOException {
    long start = System.nanoTime();
    while (true) {
      CommandException failed = failure;
      if (failed != null) {
        throw failed;
      }
      ExecResult ending = ending(start);
      if (ending != null) {
        waiting.clear();
        return ending;
      }
      List<SandboxEvent> events = log.poll(POLL);
      for (SandboxEvent event : events) {
        take(event);
      }
      if (!hasAnswered()) {
        waiting.tick();
      }
    }
  }

  private void take(SandboxEvent event) throws IOException {
    if (event instanceof Output output && output.execId().equals(exec.eventId())) {
      waiting.clear();
      // before the output is shown, so that a key typed in reaction to it finds this set
      progressed = System.nanoTime();
      outputs.accept(output);
    } else if (event instanceof Exited end && end.execId().equals(exec.eventId())) {
      exited = end;
      progressed = System.nanoTime();
    }
  }

  private @Nullable ExecResult ending(long start) throws IOException {
    Exited end = exited;
    if (left != null) {
      outputs.finish();
      return left;
    }
    long now = System.nanoTime();
    if (end != null) {
      if (outputs.reached() < end.outputCount() && now - progressed <= LATE_OUTPUT.toNanos()) {
        return null;
      }
      outputs.finish();
      long late = Math.max(0, end.outputCount() - outputs.reached());
      return new ExecResult.Answered(end, late + outputs.missing());
    }
    if (now - start <= patience.toNanos()) {
      return null;
    }
    outputs.finish();
    return unanswered();
  }

  private ExecResult unanswered() {
    return new ExecResult.Unanswered(
        "no answer to exec "
            + exec.eventId()
            + " within "
            + Durations.shown(patience)
            + "; the command may have run. Check that a worker runs ('ps --all-hosts', 'doctor'),"
            + " that it runs commands (ZCBOT_COMMANDS), and that this client may write"
            + " sandbox.exec; a late answer is shown by '"
            + watch()
            + "'");
  }

  private String watch() {
    return "watch --user " + exec.userId();
  }
}
