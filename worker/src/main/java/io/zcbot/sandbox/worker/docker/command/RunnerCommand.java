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
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A command that a runner was told to start. Every frame that it may say uses up something that it
 * was given, so that none can be said for ever.
 */
final class RunnerCommand implements CommandChannel.Command {
  private static final Logger log = LoggerFactory.getLogger(RunnerCommand.class);

  /** The most input that a runner may have asked for and not got. */
  static final int MAX_WANTED = 256 << 10;

  /** What a runner that can't discard output may send, to be dropped here. */
  private static final int DISCARDED_WINDOW = 256 << 10;

  /** To whom the command's frames go. */
  interface Runner {
    /** Never waits. */
    void send(byte[] frames);

    /** Whether it drops output that nobody wants by itself. */
    boolean discards();
  }

  private final int number;
  private final CommandObserver observer;
  private final StartFailure failure;
  private final Runner runner;
  private long window;
  private int wanted;
  private boolean started;
  private boolean inputEnded;
  private boolean killed;
  private boolean discarding;
  private int unpaid; // of what is discarded here
  private boolean ended;

  /** A command that is about to be started. */
  RunnerCommand(int number, CommandRequest request, CommandObserver observer, Runner runner) {
    this.number = number;
    this.observer = observer;
    this.failure = StartFailure.of(request);
    this.window = request.window();
    this.inputEnded = request.readsNothing();
    this.runner = runner;
  }

  /**
   * Takes in what the runner says of it, and tells the observer; without a lock, since observers
   * have their own. Called by one thread.
   */
  void on(RunnerFrame frame) throws NonsenseException {
    switch (frame) {
      case RunnerFrame.Started _ -> {
        start();
        tell(CommandObserver::started);
      }
      case RunnerFrame.Output output -> {
        if (use(output.data().length())) {
          tell(each -> each.output(output.stream(), output.data()));
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
      case RunnerFrame.Ended(int _, CommandEnd end) -> end(end);
    }
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

  /** Whether somebody wants it. */
  private synchronized boolean use(int bytes) throws NonsenseException {
    if (!started || bytes > window) {
      throw new NonsenseException(
          started ? "more output than was allowed" : "output of a command that was not started");
    }
    window -= bytes;
    if (discarding && !runner.discards()) {
      unpaid += bytes;
      if (unpaid >= DISCARDED_WINDOW / 2) {
        allow(unpaid);
        unpaid = 0;
      }
    }
    return !discarding;
  }

  /** Whether more input makes sense. */
  private synchronized boolean want(int bytes) throws NonsenseException {
    if (bytes < 1 || bytes > MAX_WANTED - wanted) {
      throw new NonsenseException("it asks for " + bytes + " bytes of input more");
    }
    wanted += bytes;
    return !inputEnded;
  }

  /** It ended, or nobody will ever know. */
  void end(CommandEnd end) {
    synchronized (this) {
      ended = true;
    }
    tell(each -> each.ended(end));
  }

  /** One command's observer that fails must not end the others. */
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
