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
 * The directories of slots on the engine's host. A slot's directory is mounted in its running
 * container, which sees what is mounted on it later. Messages of failures are for operators.
 */
public interface SlotMounts {
  /** The only entry of the directory that is mounted as a probe. */
  String PROBE_NAME = "zcbot-probe";

  /** The entry of a slot's directory on which the user's workspace is mounted. */
  String WORKSPACE = "workspace";

  /** The parent of all slots' directories; no user's id begins with a dot. */
  String TOP = ".slots";

  /** The parent of one worker's slot directories, beneath the workspace root. */
  static Path directory(Path root, String workerId) {
    return root.resolve(TOP).resolve(workerId);
  }

  /** Why mounting is impossible; null if it is possible. Constant for the life of the process. */
  @Nullable String problem();

  /** Creates a slot's directory, with nothing mounted in it. */
  Directory create(String slotId) throws IOException;

  /**
   * The ids of slots that have a directory, including those left by a previous run of this worker.
   */
  Set<String> left() throws IOException;

  /**
   * Unmounts everything in a slot's directory, also inside containers, and removes the directory;
   * does nothing if it was released before. Never deletes what a directory holds (I9).
   */
  void release(String slotId) throws IOException;

  /** A slot's directory, held open until this is closed. Mounts in it outlive that. */
  interface Directory extends AutoCloseable {
    Path path();

    /**
     * The same directory, with later mounts shown as owned by a sandbox's user. Closing one closes
     * the other.
     *
     * @param uid the number of that user
     */
    default Directory shownTo(int uid) throws IOException {
      return this;
    }

    /** Mounts a probe, by which a container can show that it sees later mounts. */
    void mountProbe() throws IOException;

    void unmountProbe() throws IOException;

    /**
     * Mounts the user's workspace, with set-user-ID programs and device files disabled.
     *
     * @throws IOException if it can't be mounted; also if it is missing or reached through a
     *     symbolic link (I9)
     */
    void mount(UserId user) throws IOException;

    @Override
    void close();
  }
}
