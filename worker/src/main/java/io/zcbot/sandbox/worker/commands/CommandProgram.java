/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The program of a command: what it reads and writes, and how it ended. */
final class CommandProgram implements CommandObserver {
  private static final Logger log = LoggerFactory.getLogger(CommandProgram.class);

  /** So long after its time-out a command's end should have been reported. */
  static final Duration PATIENCE = Duration.ofSeconds(10);

  private final InputBuffer input;
  private final CommandOutput output;
  private final Duration timeout;
  private final Time time;
  private final Runnable onStart;
  private final Runnable onEnd;
  private final AtomicReference<@Nullable CommandEnd> end = new AtomicReference<>();
  private volatile @Nullable CommandChannel channel;
  private volatile CommandChannel.@Nullable Command command;
  private volatile boolean overdue;
  private volatile long startedAt;
  private volatile long silentFrom;
  private volatile long endedAt;

  /**
   * A program that does not run yet.
   *
   * @param onStart run when the sandbox says that it runs
   * @param onEnd run once it ended
   */
  CommandProgram(
      InputBuffer input,
      CommandOutput output,
      Duration timeout,
      Time time,
      Runnable onStart,
      Runnable onEnd) {
    this.input = input;
    this.output = output;
    this.timeout = timeout;
    this.time = time;
    this.onStart = onStart;
    this.onEnd = onEnd;
  }

  /** What it is to read. */
  InputBuffer input() {
    return input;
  }

  /** It is just about to be started. */
  void starts() {
    startedAt = time.nanos();
    silentFrom = startedAt + timeout.toNanos();
  }

  /** Starts it on a channel, or on another one if that turns out to be broken. */
  void start(Exec exec, CommandChannel open, UserCommands others)
      throws EngineException, InterruptedException {
    CommandRequest request =
        new CommandRequest(
            exec.program().arguments(),
            exec.environment(),
            exec.directory(),
            timeout,
            exec.terminal(),
            CommandOutput.WINDOW,
            exec.stdin().length() == 0 && !exec.inputFollows());
    CommandChannel.Command running;
    channel = open;
    try {
      running = open.start(request, this);
    } catch (EngineException e) { // nothing was started, so it may be tried on another channel
      log.info("the channel to the sandbox is opened again: {}", e.getMessage());
      CommandChannel next = others.channel();
      channel = next;
      running = next.start(request, this);
    }
    command = running;
    input.attach(running);
    output.attach(running);
  }

  void kill() {
    CommandChannel.Command running = command;
    if (running != null) {
      running.kill();
    }
  }

  /** Closes the channel on which it was started; others may run on one that was opened since. */
  void disconnect() {
    CommandChannel own = channel;
    if (own != null) {
      own.close();
    }
  }

  /**
   * Gives it up if its end should have been reported long ago. The runner reports it behind the
   * output, so it has no time to do so while that waits for this worker.
   */
  void look() {
    if (end.get() != null) {
      return;
    }
    long now = time.nanos();
    long late = now - startedAt - timeout.toNanos();
    if (output.isHeldUp()) {
      if (late > 0) {
        silentFrom = now;
      }
      if (late > PATIENCE.toNanos() / 2) {
        output.hurry();
      }
    } else if (now - silentFrom > PATIENCE.toNanos()) {
      overdue = true;
      giveUp("its end was not reported");
    }
  }

  boolean isOverdue() {
    return overdue;
  }

  /** Nothing more will be heard of it. */
  void giveUp(String why) {
    ended(new CommandEnd.Broken(why));
  }

  /** How it ended; null if it has not. */
  @Nullable CommandEnd end() {
    return end.get();
  }

  /** For how long it ran. */
  Duration took() {
    return Duration.ofNanos(Math.max(0, endedAt - startedAt));
  }

  /** Nothing is read or kept any more. */
  void release() {
    output.release();
    input.end();
  }

  @Override
  public void started() {
    onStart.run(); // the table has it since before
  }

  @Override
  public void output(OutputStreamName stream, Data data) {
    output.write(stream, data);
  }

  @Override
  public void inputWanted(int bytes) {
    input.wanted(bytes);
  }

  @Override
  public void ended(CommandEnd how) {
    if (end.compareAndSet(null, how)) {
      endedAt = time.nanos();
      input.end();
      output.end();
      onEnd.run();
    }
  }
}
