/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;

/** Shows workspaces, which all have one owner on disk, as owned by another user. */
@FunctionalInterface
public interface WorkspaceViews {
  /** For sandboxes that all run as that owner. */
  WorkspaceViews NONE =
      (user, uid) -> {
        throw new IOException(
            "the workspace of " + user + " can't be shown to the user " + uid + " of a sandbox");
      };

  /**
   * Shows a workspace, at its own path, as owned by a sandbox's user, until the view is closed. A
   * container that is started meanwhile keeps seeing it so.
   *
   * @param uid the number of the sandbox's user and group
   * @throws IOException if that can't be done; the message is for an operator
   */
  View show(UserId user, int uid) throws IOException;

  /** Ends a view of the user's whose close did not succeed; does nothing if there is none. */
  default void endLeft(UserId user) throws IOException {}

  /** A view; closing it ends it. */
  interface View extends AutoCloseable {
    @Override
    void close();
  }
}
