/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;

/** Limits the size of workspaces. Called in many users' lanes. */
@FunctionalInterface
public interface WorkspaceQuota {
  /** No limit. */
  WorkspaceQuota NONE = _ -> {};

  /**
   * Enforces the limit on a user's directory, which exists, whatever limit it had before.
   *
   * @throws IOException if the limit is not in force; the message is for an operator
   */
  void limit(UserId user) throws IOException;
}
