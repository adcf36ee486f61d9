/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.Profile;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running program of a command: its input and output, and how it ended. The channel's thread
 * reports what happens; the command's thread and a timer call the rest.
 */
final class CommandProgram implements CommandObserver {
  private static final Logger log = LoggerFactory.getLogger(CommandProgram.class);

  /** How long after its time-out a command's end must be reported at the latest. */
  static final Duration PATIENCE = Duration.ofSeconds(10);

  /** A longer pause between two looks, which are a second apart, means that the worker paused. */
  static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  private final InputBuffer input;
  private final CommandOutput output;
  private final Duration timeout;
  private final Time time;
  private final IntConsumer onStart;
  private final Runnable onEnd;
  private final AtomicReference<@Nullable CommandEnd> end = new AtomicReference<>();
  private volatile @Nullable CommandChannel channel;
  private volatile CommandChannel.@Nullable Command command;
  private volatile boolean overdue;
  private volatile long startedAt;
  private volatile long silentFrom;
  private volatile long lookedAt;
  private volatile long endedAt;

  /**
   * Creates a program that does not run yet.
   *
   * @param onStart run when the sandbox reports that the program runs, with its process id
   * @param onEnd run once, when it ended
   */
  CommandProgram(
      InputBuffer input,
      CommandOutput output,
      Duration timeout,
      Time time,
      IntConsumer onStart,
      Runnable onEnd) {
    this.input = input;
    this.output = output;
    this.timeout = timeout;
    this.time = time;
    this.onStart = onStart;
    this.onEnd = onEnd;
  }

  InputBuffer input() {
    return input;
  }

  /** Notes that it is about to be started; time-outs count from here. */
  void starts() {
    startedAt = time.nanos();
    lookedAt = startedAt;
    silentFrom = startedAt + timeout.toNanos();
  }

  /**
   * Starts it on a channel, or on a new one if that channel turns out to be broken.
   *
   * @throws EngineException if nothing was started
   */
  void start(Exec exec, CommandChannel open, UserCommands others)
      throws EngineException, InterruptedException {
    CommandRequest request =
        new CommandRequest(
            exec.program().arguments(),
            environment(others.sandbox().profile(), exec),
            exec.directory(),
            timeout,
            exec.terminal(),
            CommandOutput.WINDOW,
            exec.stdin().length() == 0 && !exec.inputFollows(),
            exec.announceStart());
    CommandChannel.Command running;
    channel = open;
    try {
      running = open.start(request, this);
    } catch (EngineException e) { // nothing was started, so another try is safe
      log.info("the channel to the sandbox is opened again: {}", e.getMessage());
      CommandChannel next = others.channel(); // does not wait behind the fence
      if (end.get() != null) {
        throw e; // it was given up meanwhile
      }
      starts(); // opening it may have taken long
      channel = next;
      running = next.start(request, this);
    }
    command = running;
    input.attach(running);
    output.attach(running);
  }

  /** The variables of the profile, and those of the exec, which take precedence. */
  private static Map<String, String> environment(Profile profile, Exec exec) {
    if (profile.environment().isEmpty()) {
      return exec.environment();
    }
    Map<String, String> all = new HashMap<>(profile.environment());
    all.putAll(exec.environment());
    return all;
  }

  void kill() {
    CommandChannel.Command running = command;
    if (running != null) {
      running.kill();
    }
  }

  /** Closes the channel on which it was started, not one that was opened since. */
  void disconnect() {
    CommandChannel own = channel;
    if (own != null) {
      own.close();
    }
  }

  /**
   * Gives the program up if its end should have been reported long ago. Called by a timer.
   *
   * <p>The runner reports the end behind the output. While the output waits for this worker, the
   * runner can't report, so that time does not count against it. Neither does the time in which
   * this worker paused as a whole: the report may be there, and not read yet.
   */
  void look() {
    if (end.get() != null) {
      return;
    }
    long now = time.nanos();
    boolean paused = now - lookedAt > LONGEST_PAUSE.toNanos();
    lookedAt = now;
    long late = now - startedAt - timeout.toNanos();
    boolean heldUp = output.isHeldUp();
    if (heldUp && late > PATIENCE.toNanos() / 2) {
      output.hurry();
    }
    if (heldUp || paused) {
      if (late > 0) {
        silentFrom = now;
      }
    } else if (now - silentFrom > PATIENCE.toNanos()) {
      overdue = true;
      giveUp("its end was not reported");
    }
  }

  boolean isOverdue() {
    return overdue;
  }

  /** Ends it from this side: nothing more will be heard from the sandbox. */
  void giveUp(String why) {
    ended(new CommandEnd.Broken(why));
  }

  /** How it ended; null while it runs. */
  @Nullable CommandEnd end() {
    return end.get();
  }

  /** How long it ran. */
  Duration took() {
    return Duration.ofNanos(Math.max(0, endedAt - startedAt));
  }

  /** Releases the memory of input and output. */
  void release() {
    output.release();
    input.end();
  }

  @Override
  public void started(int pid) {
    onStart.accept(pid); // the command table has had the entry since before the start
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
