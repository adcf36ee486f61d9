/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What the domain needs of a host's container engine. Every call blocks, has a deadline of its own,
 * and can be interrupted. Every failure is an {@link EngineException} that says what it means;
 * after one with {@link EngineException.Kind#UNAVAILABLE} the outcome is unknown: look before
 * trying again.
 */
public interface Engine extends AutoCloseable {
  /**
   * Looks a container up by its name or id; empty where there is none. Its labels are taken at
   * their word.
   */
  Optional<Container> find(String nameOrId) throws EngineException;

  /**
   * Looks a container up, and holds all that the engine tells of it against what {@link #create}
   * makes of the spec: one that differs anywhere is returned without a spec hash, whatever its
   * label says.
   *
   * @param user whose sandbox it should be
   * @param workspace the directory that should be mounted in it
   */
  Optional<Container> verify(String nameOrId, SandboxSpec spec, UserId user, Path workspace)
      throws EngineException;

  /** All sandboxes on the engine, of every worker, in every state. */
  List<Container> list() throws EngineException;

  /**
   * Creates the user's container, not started. Makes sure of the network, pulls the image once if
   * it is missing.
   *
   * @param workspace existing directory on the engine's host, mounted at {@code /workspace}
   * @return the container's id
   */
  String create(SandboxSpec spec, UserId user, String workerId, Path workspace)
      throws EngineException;

  /** Starts a created container and returns once its init said that the firewall is in force. */
  void start(String containerId) throws EngineException;

  /** Kills what runs in the container; the container stays. No failure if it doesn't run. */
  void kill(String containerId) throws EngineException;

  /** Removes the container, running or not, and returns once it is gone. No failure if it was. */
  void remove(String containerId) throws EngineException;

  /** Whether a command somebody exec'ed in the container is still running. */
  boolean hasRunningExec(String containerId) throws EngineException;

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

  @Override
  void close();
}
