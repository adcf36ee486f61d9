/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.nio.file.Path;
import java.util.Optional;

/**
 * One worker's sandboxes of one spec on a container engine, under the same terms as {@link Engine}.
 */
public interface SandboxEngine {
  /** The spec by which all of them are created. */
  SandboxSpec spec();

  /**
   * Looks up a container by its name or id, and compares everything that the engine reports about
   * it with what {@link #create} creates.
   *
   * @param user whose sandbox it should be
   * @param workspace the directory that should be mounted in it
   */
  Optional<Verified> verify(String nameOrId, UserId user, Path workspace) throws EngineException;

  /**
   * Creates the user's container, not started. Makes sure of the network, pulls the image once if
   * it is missing.
   *
   * @param workspace existing directory on the engine's host, mounted at {@code /workspace}
   * @return the container's id
   */
  String create(UserId user, Path workspace) throws EngineException;

  /**
   * The user, and the group, that a created container's processes run as. One that sandboxes and
   * slots of all workers on the engine share, or one that no other has.
   */
  default int uid(String containerId) throws EngineException {
    return SandboxUids.SHARED.first();
  }

  /**
   * Makes sure of the network and of the host's firewall, as a create does, so that a sandbox that
   * runs can be announced ready.
   */
  void prepare() throws EngineException;

  /**
   * Starts a created container and returns once its init said that the firewall is in force.
   *
   * @return the container as it was after that, with the time of its start
   */
  Container start(String containerId) throws EngineException;
}
