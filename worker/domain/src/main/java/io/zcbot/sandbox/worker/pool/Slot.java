/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.spec.Profile;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A container that waits for its user. It runs, its firewall is in force, and it has shown that it
 * sees what is mounted in its directory.
 *
 * @param profile what it was made of
 * @param startedAt as the engine says; a later time means that the container was restarted
 * @param imageId the image that the image's name referred to when the slot was made
 * @param reservation its room on the host, which the sandbox made of it takes over
 */
record Slot(
    String id,
    Profile profile,
    String containerId,
    @Nullable Instant startedAt,
    String imageId,
    SlotMounts.Directory directory,
    SlotEngine.Entrance entrance,
    Reservation reservation) {
  /** Whether a container is this slot's, under any name, and still runs since the slot was made. */
  boolean isIntact(Container container) {
    return container.id().equals(containerId)
        && container.isRunning()
        && startedAt != null
        && startedAt.equals(container.startedAt());
  }
}
