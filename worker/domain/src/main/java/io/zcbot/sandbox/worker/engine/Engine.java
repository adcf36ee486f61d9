/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;

/**
 * The containers of a host's engine, whatever their spec. Every call blocks, has a deadline, and
 * can be interrupted. Every failure is an {@link EngineException} whose kind tells the caller what
 * to do; after {@link EngineException.Kind#UNAVAILABLE} the outcome is unknown, so look before
 * trying again. Thread-safe.
 */
public interface Engine extends EngineView {
  /**
   * Kills all processes of the container, and keeps the container. No failure if it does not run.
   */
  void kill(String containerId) throws EngineException;

  /**
   * Removes the container, running or not; returns once it is gone. No failure if there is none.
   */
  void remove(String containerId) throws EngineException;

  /**
   * Whether a command that somebody started with the engine's exec still runs in the container. The
   * worker's own runner does not count.
   */
  boolean hasRunningExec(String containerId) throws EngineException;

  /** The processor time that the container's processes have used since its start. */
  Duration cpuTime(String containerId) throws EngineException;

  /** Returns if the engine answers. */
  void ping() throws EngineException;

  /**
   * Reports events of sandboxes on the engine, from an instant on. Blocks until the stream breaks
   * (an exception) or the thread is interrupted (a normal return).
   *
   * @param connected called once the stream is established
   */
  void watch(Instant since, Runnable connected, Consumer<EngineEvent> events)
      throws EngineException;
}
