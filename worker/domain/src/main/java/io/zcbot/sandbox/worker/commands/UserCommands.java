/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The commands of one sandbox. They start one after another in the order of the log, and run
 * concurrently, up to a limit. The channel to them is opened when the first starts, and again after
 * it broke. Thread-safe; methods that wait say so.
 */
final class UserCommands {
  private static final Logger log = LoggerFactory.getLogger(UserCommands.class);

  /** How long output that was written just before the sandbox ended may take to arrive. */
  private static final Duration LAST_OUTPUT = Duration.ofMillis(500);

  private static final Duration LAST_ANSWERS = Duration.ofSeconds(4);

  private final Sandbox sandbox;
  private final CommandLimits limits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<CommandRun> waiting = new ArrayDeque<>();
  private final Set<CommandRun> running = new LinkedHashSet<>();
  private boolean starting;
  private volatile boolean gone;

  private final ReentrantLock opening = new ReentrantLock();
  private final ChannelOpenings openings; // open() is guarded by the lock
  private volatile @Nullable CommandChannel channel;

  UserCommands(Sandbox sandbox, CommandEngine engine, CommandLimits limits, Time time) {
    this.sandbox = sandbox;
    this.limits = limits;
    this.openings = new ChannelOpenings(engine, sandbox.containerId(), time);
  }

  /** The result of waiting for a turn. */
  enum Turn {
    /** The command may start, and must pass the turn on then. */
    START,
    EXPIRED,
    SANDBOX_GONE,
    /** Nothing may be done: the user's next worker reads the exec. */
    NOT_OURS
  }

  Sandbox sandbox() {
    return sandbox;
  }

  /** Appends a command; false if too many wait or run. */
  boolean add(CommandRun run) {
    lock.lock();
    try {
      if (waiting.size() + running.size() >= limits.perSandbox() + limits.waiting()) {
        return false;
      }
      waiting.add(run);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until a command may start, or must not any more. */
  Turn awaitTurn(CommandRun run) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (true) {
        if (!run.mayBegin()) {
          return Turn.NOT_OURS;
        }
        if (gone) {
          return Turn.SANDBOX_GONE;
        }
        if (run.isExpired()) {
          return Turn.EXPIRED;
        }
        if (!starting && waiting.peek() == run && running.size() < limits.perSandbox()) {
          waiting.remove();
          running.add(run);
          starting = true;
          return Turn.START;
        }
        changed.await();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lets the next command start. */
  void passTurn() {
    lock.lock();
    try {
      starting = false;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Removes a command that is over. */
  void leave(CommandRun run) {
    lock.lock();
    try {
      waiting.remove(run);
      running.remove(run);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Lets the waiting threads check their conditions again. */
  void lookAgain() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean isIdle() {
    lock.lock();
    try {
      return waiting.isEmpty() && running.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  boolean isGone() {
    return gone;
  }

  boolean awaitGone(Duration limit) throws InterruptedException {
    return await(limit, () -> gone);
  }

  private boolean await(Duration limit, BooleanSupplier what) throws InterruptedException {
    long left = limit.toNanos();
    lock.lockInterruptibly();
    try {
      while (!what.getAsBoolean() && left > 0) {
        left = changed.awaitNanos(left);
      }
      return what.getAsBoolean();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns the channel to the sandbox; opens it if there is no working one, which blocks.
   *
   * @throws EngineException if the sandbox ended or the channel can't be opened, or may not be yet
   */
  CommandChannel channel() throws EngineException, InterruptedException {
    opening.lockInterruptibly();
    try {
      CommandChannel open = channel;
      if (open == null || !open.isOpen()) {
        open = openings.open();
        channel = open;
      }
      if (gone) {
        open.close();
        throw new EngineException(
            EngineException.Kind.ABSENT, "command", "the sandbox ended", null);
      }
      return open;
    } finally {
      opening.unlock();
    }
  }

  /**
   * Like {@link #channel}, but waits if it may not be opened yet. For the commands' own threads:
   * the user's lane must not wait.
   */
  CommandChannel awaitChannel() throws EngineException, InterruptedException {
    var _ = await(openings.rest(), () -> gone || isOpen() || !openings.isResting());
    return channel();
  }

  private boolean isOpen() {
    CommandChannel open = channel;
    return open != null && open.isOpen();
  }

  /**
   * Opens the channel if it is broken, which kills what the broken one left; false if that fails.
   */
  boolean reconnect() throws InterruptedException {
    try {
      awaitChannel();
      return true;
    } catch (EngineException e) {
      log.warn("could not reach the commands of {}: {}", sandbox.containerId(), e.getMessage());
      return false;
    }
  }

  void disconnect() {
    CommandChannel open = channel;
    if (open != null) {
      open.close();
    }
  }

  /** The sandbox was killed. Waits until its commands are answered, or for a few seconds. */
  void ended() throws InterruptedException {
    gone = true;
    lookAgain();
    if (!await(LAST_OUTPUT, () -> running.stream().allMatch(CommandRun::isOver))) {
      running().forEach(run -> run.giveUp("the sandbox ended"));
    }
    disconnect();
    if (!await(LAST_ANSWERS, () -> waiting.isEmpty() && running.isEmpty())) {
      log.warn("commands of {} are answered after its end is announced", sandbox.containerId());
    }
  }

  private List<CommandRun> running() {
    lock.lock();
    try {
      return List.copyOf(running);
    } finally {
      lock.unlock();
    }
  }
}
