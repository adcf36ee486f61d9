/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The directories of slots on the engine's host, each the {@code /workspace} of a running
 * container. What is mounted on one later is visible in its container. Messages of failures are for
 * operators.
 */
public interface SlotMounts {
  /** The one entry of the directory that is mounted as a probe. */
  String PROBE_NAME = "zcbot-probe";

  /** In a slot's directory, what its user's workspace is mounted on. */
  String WORKSPACE = "workspace";

  /** The parent of all slots' directories. No user's id begins with a dot. */
  String TOP = ".slots";

  /** Where a worker's slots have their directories, beneath the workspace root. */
  static Path directory(Path root, String workerId) {
    return root.resolve(TOP).resolve(workerId);
  }

  /** Why nothing can be mounted; null if it can. Does not change while the process lives. */
  @Nullable String problem();

  /** Makes a slot's directory, with nothing mounted in it. */
  Directory create(String slotId) throws IOException;

  /** The slots that have a directory, also those that a previous run of this worker left. */
  Set<String> left() throws IOException;

  /**
   * Unmounts all that is mounted in a slot's directory, also inside containers, and removes the
   * directory; does nothing if it was released before. Never deletes what a directory holds (I9).
   */
  void release(String slotId) throws IOException;

  /** A slot's directory, open until this is closed; mounts in it stay after that. */
  interface Directory extends AutoCloseable {
    Path path();

    /**
     * The same directory, but what is mounted from now on shows as a sandbox's user's. Closing one
     * closes the other.
     *
     * @param uid the user's number in the sandbox
     */
    default Directory shownTo(int uid) throws IOException {
      return this;
    }

    /** Mounts a directory by which a container shows that it sees what is mounted later. */
    void mountProbe() throws IOException;

    void unmountProbe() throws IOException;

    /**
     * Mounts the user's workspace, without setuid programs and device files.
     *
     * @throws IOException if it is missing or reached through a symlink as well (I9)
     */
    void mount(UserId user) throws IOException;

    @Override
    void close();
  }
}
