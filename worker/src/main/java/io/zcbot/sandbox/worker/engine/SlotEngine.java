/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** What warm slots need of the engine beside what an {@link Engine} does, under the same terms. */
public interface SlotEngine {
  /**
   * Creates a container that is a sandbox in all but its user, not started.
   *
   * @param directory existing directory on the engine's host, mounted at {@code /workspace} so that
   *     what is mounted on it later shows there
   * @return the container's id
   */
  String createSlot(SandboxSpec spec, String slotId, String workerId, Path directory)
      throws EngineException;

  /**
   * Starts a slot's container and returns once its init said that the firewall is in force and that
   * it sees the probe.
   *
   * @param onceRunning mounts the probe; called when the container runs
   * @throws IOException if the probe can't be mounted
   */
  void startSlot(String containerId, OnceRunning onceRunning) throws EngineException, IOException;

  /**
   * Looks a started slot up and holds it against its spec, as {@link Engine#verify} does a sandbox.
   *
   * @param directory what should be mounted in it
   */
  Optional<Container> verifySlot(String containerId, SandboxSpec spec, Path directory)
      throws EngineException;

  /** Makes sure of the network and of the host's firewall, as a create does. */
  void prepare(SandboxSpec spec, String workerId) throws EngineException;

  /** Gives a container another name. */
  void rename(String containerId, String name) throws EngineException;

  /** The id of the image that a name stands for now; empty if the engine has none. */
  Optional<String> imageId(String image) throws EngineException;

  /** What is to be done between a container's start and its ready line. */
  interface OnceRunning {
    void run() throws IOException;
  }

  /** For a host without slots. */
  SlotEngine NONE =
      new SlotEngine() {
        @Override
        public String createSlot(SandboxSpec spec, String slotId, String workerId, Path directory)
            throws EngineException {
          throw none("create");
        }

        @Override
        public void startSlot(String containerId, OnceRunning onceRunning) throws EngineException {
          throw none("start");
        }

        @Override
        public Optional<Container> verifySlot(String containerId, SandboxSpec spec, Path directory)
            throws EngineException {
          throw none("inspect");
        }

        @Override
        public void prepare(SandboxSpec spec, String workerId) throws EngineException {
          throw none("prepare");
        }

        @Override
        public void rename(String containerId, String name) throws EngineException {
          throw none("rename");
        }

        @Override
        public Optional<String> imageId(String image) {
          return Optional.empty();
        }

        private static EngineException none(String operation) {
          return new EngineException(
              EngineException.Kind.REJECTED, operation, "there are no slots on this host", null);
        }
      };
}
