/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.InputQueue;
import io.zcbot.sandbox.worker.docker.api.NonsenseException;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.StandardOutput;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A connection to one runner, on which commands are started and observed.
 *
 * <p>One reader thread runs {@link #read} and calls the observers, without holding a lock. All
 * other methods may be called by any thread, also by observers; those of {@link CommandChannel}
 * never block. When the channel breaks, the reader thread ends the remaining commands.
 */
final class RunnerChannel implements CommandChannel, RunnerCommand.Runner {
  private static final Logger log = LoggerFactory.getLogger(RunnerChannel.class);

  /** Maximum bytes that wait to be sent. Only reached if the runner does not read. */
  static final int MAX_UNSENT = 4 << 20;

  /** The part of that which is reserved for input of running commands; starts may not use it. */
  private static final int RESERVE = 3 << 20;

  private static final String UNREAD = "the runner does not read what it is sent";

  /** The word in the greeting of a runner that can discard a command's output itself. */
  private static final String DISCARD = "discard";

  /** The word in the greeting of a runner that can tell the process id of a program. */
  private static final String PID = "pid";

  private final byte[] nonce = FrameWriter.nonce();
  private final Unsent all;
  private final InputQueue unsent;
  private final CompletableFuture<String> hello = new CompletableFuture<>();
  private final Map<Integer, RunnerCommand> commands = new ConcurrentHashMap<>();
  private final Operation operation;
  private final Consumer<String> onNonsense;
  private volatile boolean discards;
  private volatile boolean tellsPid;
  private @Nullable InputStream connection;
  private @Nullable String broken;
  private int lastNumber;

  /**
   * Creates a channel without a connection. {@link #read} gets the connection's output.
   *
   * @param operation the engine's operation by which the connection is made, for error messages
   * @param onNonsense called on the reader thread if the runner, after its greeting, violates the
   *     protocol, or the first process does at any time: its output is read until it ends, so it
   *     must not be attached to again
   * @param all what waits to be sent to all runners
   */
  RunnerChannel(Operation operation, Consumer<String> onNonsense, Unsent all) {
    this.operation = operation;
    this.onNonsense = onNonsense;
    this.all = all;
    this.unsent = new InputQueue(MAX_UNSENT, bytes -> all.set(this, bytes));
    unsent.offer(FrameWriter.opening(nonce), 0);
  }

  /** The stream of what is to be sent to the runner, read by the thread that sends it. */
  InputStream input() {
    return unsent;
  }

  /**
   * Reads the runner's output until it ends, and calls the observers of the commands. Run by the
   * reader thread.
   *
   * @param body the multiplexed output of the runner
   * @return true if a container's first process violated the protocol; the connection is open then
   */
  boolean read(InputStream body) {
    synchronized (this) {
      if (broken != null) {
        return false;
      }
      connection = body;
    }
    String why = "the runner's output was not read";
    try {
      FrameReader frames = new FrameReader(new StandardOutput(body));
      String greeting = frames.hello(nonce);
      List<String> words = List.of(greeting.split(" "));
      discards = words.contains(DISCARD);
      tellsPid = words.contains(PID);
      hello.complete(greeting);
      while (true) {
        on(frames.next());
      }
    } catch (NonsenseException e) {
      why = "the runner said what no runner says: " + e.getMessage();
      boolean isFirstProcess = operation == Operation.ATTACH;
      if (hello.isDone() || isFirstProcess) {
        onNonsense.accept(why);
      }
      if (isFirstProcess) {
        breakOff(why, false);
        return true;
      }
    } catch (IOException e) {
      why = "the connection to the runner ended: " + EngineErrors.clean(String.valueOf(e));
    } catch (RuntimeException e) {
      log.error("reading from a runner failed unexpectedly; please report this", e);
    } finally {
      breakOff(why);
      tellAll();
    }
    return false;
  }

  private void on(RunnerFrame frame) throws NonsenseException {
    RunnerCommand command = commands.get(frame.command());
    if (command == null) {
      throw new NonsenseException("it names a command that does not run");
    }
    command.on(frame);
    if (frame instanceof RunnerFrame.Ended || frame instanceof RunnerFrame.NotStarted) {
      commands.remove(frame.command());
    }
  }

  /** Ends all remaining commands. None can be added meanwhile, because the channel is broken. */
  private void tellAll() {
    String why = brokenWhy();
    for (RunnerCommand command : commands.values()) {
      command.end(new CommandEnd.Broken(why));
    }
    commands.clear();
  }

  private synchronized String brokenWhy() {
    return String.valueOf(broken);
  }

  /**
   * Blocks until the runner has answered.
   *
   * @return the runner's greeting
   * @throws IOException if it does not answer in time, or answers with something else
   */
  String awaitHello(Duration patience) throws IOException, InterruptedException {
    try {
      return hello.get(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new IOException("no answer within " + EngineCalls.seconds(patience), e);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw new IOException(String.valueOf(cause == null ? e : cause.getMessage()), e);
    }
  }

  /**
   * Waits for some time; returns true if the runner has not answered and the channel is not broken.
   */
  boolean isSilentFor(Duration time) throws InterruptedException {
    try {
      var _ = hello.get(time.toNanos(), TimeUnit.NANOSECONDS);
      return false;
    } catch (TimeoutException _) {
      return true;
    } catch (ExecutionException _) {
      return false;
    }
  }

  @Override
  public Command start(CommandRequest request, CommandObserver observer) throws EngineException {
    byte[] message;
    try {
      message = StartMessage.of(request, tellsPid);
    } catch (IllegalArgumentException e) {
      RunnerCommand never = new RunnerCommand(0, request, observer, this);
      never.end(new CommandEnd.NotStarted(String.valueOf(e.getMessage()), false));
      return never;
    }
    Command command = start(request, observer, message);
    all.relieve();
    return command;
  }

  private synchronized Command start(
      CommandRequest request, CommandObserver observer, byte[] message) throws EngineException {
    if (broken != null) {
      throw EngineErrors.exception(Kind.UNAVAILABLE, operation, broken, "", null);
    }
    int number = ++lastNumber;
    RunnerCommand command = new RunnerCommand(number, request, observer, this);
    commands.put(number, command);
    byte[] start = FrameWriter.start(number, message, request.readsNothing());
    if (!unsent.offer(start, RESERVE)) {
      commands.remove(number);
      throw EngineErrors.exception(Kind.TRANSIENT, operation, UNREAD, "", null);
    }
    return command;
  }

  @Override
  public void send(byte[] frames) {
    if (!unsent.offer(frames, 0)) {
      breakOffUnread();
    }
    all.relieve();
  }

  /** Breaks the channel because its runner does not read. */
  void breakOffUnread() {
    breakOff(UNREAD);
  }

  @Override
  public boolean discards() {
    return discards;
  }

  @Override
  public synchronized boolean isOpen() {
    return broken == null;
  }

  @Override
  public void close() {
    breakOff("the worker closed the connection");
  }

  /**
   * Breaks the channel, but leaves its connection open until its end. What comes is read within the
   * bounds of a runner that has no command, and slowly beyond them.
   */
  void abandon(String why) {
    breakOff(why, false);
  }

  private void breakOff(String why) {
    breakOff(why, true);
  }

  /**
   * Breaks the channel, unless it is broken already. The reader thread notices, and ends the
   * commands.
   *
   * @param closing whether the connection is closed as well
   */
  private void breakOff(String why, boolean closing) {
    InputStream open;
    synchronized (this) {
      if (broken != null) {
        return;
      }
      broken = why;
      open = connection;
    }
    hello.completeExceptionally(new IOException(why));
    unsent.close();
    try {
      if (open != null && closing) {
        open.close();
      }
    } catch (IOException e) {
      log.debug("closing the connection to a runner failed", e);
    }
  }
}
