/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** The operations of the engine for slots of one spec, with the same contract as {@link Engine}. */
public interface SlotEngine {
  /**
   * Creates a container that is a sandbox without a user, without starting it.
   *
   * @param directory of the slot on the engine's host; later mounts in it are visible inside
   * @return the container's id
   */
  String createSlot(String slotId, Path directory) throws EngineException;

  /** As {@link SandboxEngine#uid}. */
  default int uid(String containerId) throws EngineException {
    return SandboxUids.SHARED.first();
  }

  /**
   * Starts a slot's container; returns once its init reported that the firewall is in force and
   * that it sees the probe.
   *
   * @param onceRunning mounts the probe; called when the container runs
   * @throws IOException if the probe can't be mounted
   */
  void startSlot(String containerId, OnceRunning onceRunning) throws EngineException, IOException;

  /**
   * Looks up a started slot, and compares it with its spec as {@link SandboxEngine#verify} does for
   * a sandbox.
   *
   * @param directory the directory that should be mounted in it
   */
  Optional<Verified> verifySlot(String containerId, Path directory) throws EngineException;

  /**
   * Prepares a started slot, whose probe was unmounted, for its workspace.
   *
   * @return to be closed with the slot
   */
  Entrance entrance(String containerId) throws EngineException;

  /** As {@link SandboxEngine#prepare}. */
  void prepare() throws EngineException;

  /** Renames a container. */
  void rename(String containerId, String name) throws EngineException;

  /**
   * The id of the image to which the spec's image name refers now; empty if the engine has none.
   */
  Optional<String> imageId() throws EngineException;

  /** An action between a container's start and its ready line. */
  interface OnceRunning {
    void run() throws IOException;
  }

  /** Makes the workspace that is mounted in a slot's directory appear at {@code /workspace}. */
  interface Entrance extends AutoCloseable {
    /** An entrance that has nothing to do. */
    Entrance OPEN =
        new Entrance() {
          @Override
          public void open() {}

          @Override
          public void close() {}
        };

    /** Returns once the workspace is there. Called once, after the workspace was mounted. */
    void open() throws EngineException;

    @Override
    void close();
  }
}
