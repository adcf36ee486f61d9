/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.docker.api.NonsenseException;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A command that a runner was asked to start.
 *
 * <p>The runner may be hostile. Each frame that it may send for a command uses up an allowance of
 * that command, such as the output window, so that no frame can be repeated without end. Methods of
 * {@link CommandChannel.Command} may be called by any thread; {@link #on} is called by the
 * channel's reader thread. The lock is not held while the observer is called.
 */
final class RunnerCommand implements CommandChannel.Command {
  private static final Logger log = LoggerFactory.getLogger(RunnerCommand.class);

  /** Maximum bytes of input that a runner may have asked for and not received yet. */
  static final int MAX_WANTED = 256 << 10;

  /** Output window of a runner that can't discard output itself; what comes is dropped here. */
  private static final int DISCARDED_WINDOW = 256 << 10;

  /** More processors than a host has. */
  private static final int MOST_PROCESSORS = 1024;

  /** Added to the processor time that is believed, since kernels count in steps. */
  private static final Duration MOST_ROUNDING = Duration.ofSeconds(1);

  /** The runner as a command sees it. */
  interface Runner {
    /** Queues frames for the runner; never blocks. */
    void send(byte[] frames);

    /** Whether the runner can discard output that is not wanted any more. */
    boolean discards();
  }

  private final int number;
  private final CommandObserver observer;
  private final StartFailure failure;
  private final Runner runner;
  private final long sentAt = System.nanoTime();
  private long window;
  private int wanted;
  private boolean started;
  private boolean inputEnded;
  private boolean killed;
  private boolean discarding;
  private boolean ended;
  private int dropped; // since the window was last extended; used by the reader thread only

  /** Creates a command that is about to be started. */
  RunnerCommand(int number, CommandRequest request, CommandObserver observer, Runner runner) {
    this.number = number;
    this.observer = observer;
    this.failure = StartFailure.of(request);
    this.window = request.window();
    this.inputEnded = request.readsNothing();
    this.runner = runner;
  }

  /**
   * Handles a frame and calls the observer. Called by the reader thread only, without a lock,
   * because observers have locks of their own.
   *
   * @throws NonsenseException if the runner may not send this frame now
   */
  void on(RunnerFrame frame) throws NonsenseException {
    switch (frame) {
      case RunnerFrame.Started(int _, int pid) -> {
        start();
        tell(each -> each.started(pid));
      }
      case RunnerFrame.Output output -> {
        if (use(output.data().length())) {
          tell(each -> each.output(output.stream(), output.data()));
        } else if (!runner.discards()) {
          drop(output.data().length());
        }
      }
      case RunnerFrame.InputWanted more -> {
        if (want(more.bytes())) {
          tell(each -> each.inputWanted(more.bytes()));
        }
      }
      case RunnerFrame.NotStarted(int _, int errno, String step) -> {
        requireNotStarted();
        end(failure.end(errno, step));
      }
      case RunnerFrame.Ended(int _, CommandEnd end) -> end(credible(end));
    }
  }

  /** Reduces the processor time to what the command can have used. */
  private CommandEnd credible(CommandEnd end) {
    return switch (end) {
      case CommandEnd.Exited(int code, Duration cpu, var outOfMemory) ->
          new CommandEnd.Exited(code, credible(cpu), outOfMemory);
      case CommandEnd.Signalled(int signal, Duration cpu, var outOfMemory) ->
          new CommandEnd.Signalled(signal, credible(cpu), outOfMemory);
      case CommandEnd.Killed(boolean timedOut, int survivors, Duration cpu, var outOfMemory) ->
          new CommandEnd.Killed(timedOut, survivors, credible(cpu), outOfMemory);
      case CommandEnd.NotStarted _, CommandEnd.Broken _ -> end;
    };
  }

  private @Nullable Duration credible(@Nullable Duration cpu) {
    Duration most =
        Duration.ofNanos(System.nanoTime() - sentAt)
            .multipliedBy(MOST_PROCESSORS)
            .plus(MOST_ROUNDING);
    return cpu == null || cpu.compareTo(most) <= 0 ? cpu : most;
  }

  private synchronized void start() throws NonsenseException {
    requireNotStarted();
    started = true;
  }

  private synchronized void requireNotStarted() throws NonsenseException {
    if (started) {
      throw new NonsenseException("a command that was started is said not to have been before");
    }
  }

  /** Subtracts output from the window; returns whether the observer wants it. */
  private synchronized boolean use(int bytes) throws NonsenseException {
    if (!started || bytes > window) {
      throw new NonsenseException(
          started ? "more output than was allowed" : "output of a command that was not started");
    }
    window -= bytes;
    return !discarding;
  }

  /**
   * Adds output that was dropped here to the window again, after a pause: such a runner may write
   * without end.
   */
  private void drop(int bytes) {
    dropped += bytes;
    if (dropped >= DISCARDED_WINDOW / 2) {
      var _ = Trickle.pause();
      synchronized (this) {
        allow(dropped);
      }
      dropped = 0;
    }
  }

  /** Records that the runner asks for input; returns whether there is still input to send. */
  private synchronized boolean want(int bytes) throws NonsenseException {
    if (bytes < 1 || bytes > MAX_WANTED - wanted) {
      throw new NonsenseException("it asks for " + bytes + " bytes of input more");
    }
    wanted += bytes;
    return !inputEnded;
  }

  /**
   * Marks the command as ended and tells the observer how it ended, or that this can't be known.
   */
  void end(CommandEnd end) {
    synchronized (this) {
      ended = true;
    }
    tell(each -> each.ended(end));
  }

  /**
   * Calls the observer. An exception is logged only, so that it does not end the other commands.
   */
  private void tell(Consumer<CommandObserver> what) {
    try {
      what.accept(observer);
    } catch (RuntimeException e) {
      log.error("the observer of a command failed; please report this", e);
    }
  }

  @Override
  public synchronized void input(Data data) {
    if (ended || inputEnded || data.length() == 0) {
      return;
    }
    if (data.length() > wanted) {
      throw new IllegalArgumentException(
          data.length() + " bytes of input for a command that takes " + wanted);
    }
    wanted -= data.length();
    runner.send(FrameWriter.input(number, data.toByteBuffer()));
  }

  @Override
  public synchronized void endInput() {
    if (!ended && !inputEnded) {
      inputEnded = true;
      runner.send(FrameWriter.endOfInput(number));
    }
  }

  @Override
  public synchronized void signal(CommandSignal signal) {
    if (!ended) {
      runner.send(FrameWriter.signal(number, signal.number()));
    }
  }

  @Override
  public synchronized void resize(TerminalSize size) {
    if (!ended) {
      runner.send(FrameWriter.resize(number, size.columns(), size.rows()));
    }
  }

  @Override
  public synchronized void kill() {
    if (!ended && !killed) {
      killed = true;
      runner.send(FrameWriter.kill(number));
    }
  }

  @Override
  public synchronized void allowOutput(int bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException(bytes + " bytes of output");
    }
    if (!ended && !discarding && bytes > 0) {
      allow(bytes);
    }
  }

  private void allow(int bytes) {
    window += bytes;
    runner.send(FrameWriter.allow(number, bytes));
  }

  @Override
  public synchronized void discardOutput() {
    if (ended || discarding) {
      return;
    }
    discarding = true;
    if (runner.discards()) {
      runner.send(FrameWriter.discard(number));
    } else {
      allow(DISCARDED_WINDOW);
    }
  }
}
