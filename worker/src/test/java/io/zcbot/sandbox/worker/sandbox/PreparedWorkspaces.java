/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.nio.file.Path;

/** What an ensure does about a workspace before anything else, for tests of other packages. */
public final class PreparedWorkspaces {
  private PreparedWorkspaces() {}

  /** See {@link Workspaces#prepare}. */
  public static Path prepare(Workspaces workspaces, UserId user) throws IOException {
    return workspaces.prepare(user);
  }
}
