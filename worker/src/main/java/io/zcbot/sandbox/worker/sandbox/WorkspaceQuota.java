/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;

/** Limits the size of workspaces. Called in the lanes of many users. */
@FunctionalInterface
public interface WorkspaceQuota {
  /** Where none is asked for. */
  WorkspaceQuota NONE = _ -> {};

  /**
   * Puts the limit in force, whatever was before. The user's directory is there.
   *
   * @throws IOException if it is not in force; the message is for an operator
   */
  void limit(UserId user) throws IOException;
}
