/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;

/**
 * Enters in the live table which connections sandboxes were refused, so that it can be read on any
 * host. What a sandbox does causes these writes, so there is at most one for each sandbox in {@link
 * #PACE}, of bounded size.
 */
final class RefusalEntries {
  static final Duration PACE = Duration.ofSeconds(10);

  private final ProfileEngines engines;
  private final Announcer announcer;
  private final Idleness idleness;
  private final Time time;

  /** By sandbox, when its entry was written, on the monotonic clock. */
  private final Map<Sandbox, Long> written = Collections.synchronizedMap(new WeakHashMap<>());

  RefusalEntries(ProfileEngines engines, Announcer announcer, Idleness idleness, Time time) {
    this.engines = engines;
    this.announcer = announcer;
    this.idleness = idleness;
    this.time = time;
  }

  /** Whether a sandbox was refused what its entry does not have. Never blocks. */
  boolean isDue(Sandbox sandbox) {
    List<RefusedEgress> refused = read(sandbox);
    if (refused.isEmpty() || refused.equals(sandbox.refused())) {
      return false;
    }
    Long last = written.get(sandbox);
    return (last == null || time.nanos() - last >= PACE.toNanos())
        && idleness.isFollowed(sandbox); // or its entry is another worker's
  }

  /** Writes the entry of a sandbox. Runs in the user's lane. */
  void write(Sandbox sandbox) throws InterruptedException {
    if (isDue(sandbox)) {
      sandbox.refused(read(sandbox));
      written.put(sandbox, time.nanos());
      announcer.listedAgain(sandbox);
    }
  }

  private List<RefusedEgress> read(Sandbox sandbox) {
    return engines.sandboxes(sandbox.profile()).refused(sandbox.containerId());
  }
}
