/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;

/**
 * The containers of a host's engine, whatever their spec. Every call blocks, has a deadline of its
 * own, and can be interrupted. Every failure is an {@link EngineException} that says what it means;
 * after one with {@link EngineException.Kind#UNAVAILABLE} the outcome is unknown: look before
 * trying again.
 */
public interface Engine extends EngineView {
  /** Kills what runs in the container; the container stays. No failure if it doesn't run. */
  void kill(String containerId) throws EngineException;

  /** Removes the container, running or not, and returns once it is gone. No failure if it was. */
  void remove(String containerId) throws EngineException;

  /**
   * Whether a command somebody exec'ed in the container is still running. The worker's own runner
   * does not count.
   */
  boolean hasRunningExec(String containerId) throws EngineException;

  /** The processor time that all processes of the container have taken since it was started. */
  Duration cpuTime(String containerId) throws EngineException;

  /** Answers if the engine does. */
  void ping() throws EngineException;

  /**
   * Reports what happens to sandboxes on the engine, from an instant on, until the stream breaks
   * (an exception) or the thread is interrupted (a normal return).
   *
   * @param connected called once the stream is established
   */
  void watch(Instant since, Runnable connected, Consumer<EngineEvent> events)
      throws EngineException;
}
