/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;

/** Shows workspaces, which have one owner on disk, as another user's. */
@FunctionalInterface
public interface WorkspaceViews {
  /** Where all sandboxes are that owner. */
  WorkspaceViews NONE =
      (user, uid) -> {
        throw new IOException(
            "the workspace of " + user + " can't be shown to the user " + uid + " of a sandbox");
      };

  /**
   * Shows a workspace, at its own path, as one that belongs to a sandbox's user. A container that
   * is started meanwhile keeps seeing it so.
   *
   * @param uid the user's number in the sandbox, and that of its group
   * @throws IOException if that can't be done; the message is for an operator
   */
  View show(UserId user, int uid) throws IOException;

  /** Ends with its closing. */
  interface View extends AutoCloseable {
    @Override
    void close();
  }
}
