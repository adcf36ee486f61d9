/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Settings of the users' workspaces: their directory and their size. */
public final class WorkspaceConfig {
  /** The directory of all workspaces on the engine's host. */
  public final Path root;

  /** Null for no limit. */
  public final @Nullable WorkspaceLimit limit;

  WorkspaceConfig(SettingsReader in) {
    root =
        in.get(
            "ZCBOT_WORKSPACE_ROOT",
            "/var/lib/zcbot/workspaces",
            Kind.path("/var/lib/zcbot/workspaces"),
            "Directory of the users' workspaces on the engine's host.");
    Optional<Long> size =
        in.get(
            "ZCBOT_WORKSPACE_SIZE",
            "off",
            Kind.orOff(Kind.size("1m", "1024t")),
            "Maximum size of a user's workspace, in whole MiB. Requires a file system with"
                + " project quotas, and CAP_SYS_ADMIN. A worker that cannot set the limit does"
                + " not start.");
    long files =
        in.get(
            "ZCBOT_WORKSPACE_FILES",
            0L,
            "one per 16 KiB of the size, at least 1000",
            Kind.wholeNumber(100, 1_000_000_000_000L)
                .where(
                    _ -> size.isPresent(),
                    "has an effect only together with ZCBOT_WORKSPACE_SIZE: set that as well"),
            "Maximum number of files and directories in a user's workspace, if its size is"
                + " limited.");
    limit = size.map(bytes -> WorkspaceLimit.of(bytes, files)).orElse(null);
  }
}
