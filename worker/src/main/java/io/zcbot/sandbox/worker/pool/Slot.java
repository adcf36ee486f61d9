/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.sandbox.Place;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A container that waits for its user. It is started, its firewall is in force, and it has shown
 * that it sees what is mounted in its directory.
 *
 * @param startedAt by the engine; another one later means that it is not the same process any more
 * @param imageId what its image's name stood for when it was made
 * @param place its room on the host, which the sandbox that it becomes takes over
 */
record Slot(
    String id,
    String containerId,
    @Nullable Instant startedAt,
    String imageId,
    SlotMounts.Directory directory,
    SlotEngine.Entrance entrance,
    Place place) {
  /** Whether a container is this slot's and as good as when it was made, by whatever name. */
  boolean isIntact(Container container) {
    return container.id().equals(containerId)
        && container.isRunning()
        && startedAt != null
        && startedAt.equals(container.startedAt());
  }
}
