/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.events.Ready;
import java.time.Duration;

/**
 * The parts of a ready event that are shown for its sandbox.
 *
 * @param idleTtl in milliseconds; 0 if the event has none
 * @param endsAt in milliseconds since 1970; 0 if the event has none
 */
record ReadyFacts(String container, long idleTtl, String outcome, String image, long endsAt) {
  static ReadyFacts of(Ready ready, SharedNames names) {
    Duration idleTtl = ready.environment().idleTtl();
    return new ReadyFacts(
        ShownText.name(ready.containerId()),
        idleTtl == null ? 0 : idleTtl.toMillis(),
        names.of(ready.outcome().wire()),
        names.of(ready.environment().image()),
        ready.endsAt() == null ? 0 : ready.endsAt().toEpochMilli());
  }
}
