/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The operations of the engine that slots of one spec need, under the same terms as {@link Engine}.
 */
public interface SlotEngine {
  /**
   * Creates a container that is a sandbox in all but its user, not started.
   *
   * @param directory of the slot on the engine's host; what is mounted in it later shows inside
   * @return the container's id
   */
  String createSlot(String slotId, Path directory) throws EngineException;

  /** As {@link SandboxEngine#uid} tells. */
  default int uid(String containerId) throws EngineException {
    return SandboxUids.SHARED.first();
  }

  /**
   * Starts a slot's container and returns once its init said that the firewall is in force and that
   * it sees the probe.
   *
   * @param onceRunning mounts the probe; called when the container runs
   * @throws IOException if the probe can't be mounted
   */
  void startSlot(String containerId, OnceRunning onceRunning) throws EngineException, IOException;

  /**
   * Looks a started slot up and compares it with its spec, as {@link SandboxEngine#verify} does
   * with a sandbox.
   *
   * @param directory what should be mounted in it
   */
  Optional<Verified> verifySlot(String containerId, Path directory) throws EngineException;

  /**
   * Readies a started slot, in which the probe is not mounted any more, for its workspace.
   *
   * @return to be closed with the slot
   */
  Entrance entrance(String containerId) throws EngineException;

  /** As {@link SandboxEngine#prepare}. */
  void prepare() throws EngineException;

  /** Gives a container another name. */
  void rename(String containerId, String name) throws EngineException;

  /** The id of the image that the spec's name stands for now; empty if the engine has none. */
  Optional<String> imageId() throws EngineException;

  /** What is to be done between a container's start and its ready line. */
  interface OnceRunning {
    void run() throws IOException;
  }

  /** How the workspace that is mounted in a slot's directory gets to {@code /workspace}. */
  interface Entrance extends AutoCloseable {
    /** Nothing has to be done. */
    Entrance OPEN =
        new Entrance() {
          @Override
          public void open() {}

          @Override
          public void close() {}
        };

    /** Returns once the workspace is there; called once, after it was mounted. */
    void open() throws EngineException;

    @Override
    void close();
  }
}
