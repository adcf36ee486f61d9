/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One worker's sandboxes of one spec on a container engine, with the same contract as {@link
 * Engine}.
 */
public interface SandboxEngine {
  /**
   * Looks up a container by its name or id, and compares everything that the engine reports about
   * it with what {@link #create} creates.
   *
   * @param user whose sandbox it should be
   * @param workspace the directory that should be mounted in it
   */
  Optional<Verified> verify(String nameOrId, UserId user, Path workspace) throws EngineException;

  /**
   * Creates the user's container, without starting it. Sets up the network if needed, and pulls a
   * missing image once.
   *
   * @param workspace existing directory on the engine's host, mounted at {@code /workspace}
   * @return the container's id
   */
  String create(UserId user, Path workspace) throws EngineException;

  /**
   * The number of the user and group that a created container's processes run as: one shared by the
   * sandboxes and slots of all workers on the engine, or one that no other container has.
   */
  default int uid(String containerId) throws EngineException {
    return SandboxUids.SHARED.first();
  }

  /**
   * The last connections that a running container was refused because of the names that it may
   * reach, oldest first, at most {@link RefusedEgress#MOST}; of equal ones, the last. Does not
   * block.
   */
  default List<RefusedEgress> refused(String containerId) {
    return List.of();
  }

  /**
   * Sets up the network and the host's firewall if needed, as a create does, so that a running
   * sandbox can be announced ready.
   */
  void prepare() throws EngineException;

  /**
   * Sets what a running sandbox may reach by name; returns once that is in force. Connections that
   * it does not allow any more are closed.
   *
   * @param allow names, and the addresses that all sandboxes of the spec reach; null for all that
   *     the spec allows
   */
  void let(String containerId, @Nullable List<String> allow) throws EngineException;

  /**
   * Starts a created container; returns once its init reported that the firewall is in force. It
   * may then reach all that the spec allows.
   *
   * @return the container after that, with the time of its start
   */
  Container start(String containerId) throws EngineException;
}
