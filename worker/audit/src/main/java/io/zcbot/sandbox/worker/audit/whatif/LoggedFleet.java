/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import java.util.HashMap;
import java.util.Map;

/** What a log says became of the users, to compare with. */
final class LoggedFleet {
  private static final double HOUR = 3_600_000;

  private final Timeline timeline = new Timeline();
  private final Map<String, Long> starts = new HashMap<>();
  private long claims;
  private long creates;
  private long refusals;
  private long evictions;
  private double sandboxMillis;
  private int peak;
  private long now = Long.MIN_VALUE;

  void ready(Ready ready, long at) {
    now = Math.max(now, at);
    if (ready.outcome() == Ready.Outcome.REUSED
        || starts.putIfAbsent(ready.containerId(), at) != null) {
      return;
    }
    if (ready.outcome() == Ready.Outcome.CLAIMED) {
      claims++;
    } else {
      creates++;
      timeline.created(now);
    }
    peak = Math.max(peak, starts.size());
    timeline.run(now, starts.size());
  }

  void failed(Failed failed, long at) {
    now = Math.max(now, at);
    if (failed.reason() == Failed.Reason.CAPACITY) {
      refusals++;
      timeline.refused(now);
    }
  }

  void reaped(Reaped reaped, long at) {
    now = Math.max(now, at);
    Long start = starts.remove(reaped.container().id());
    if (start != null) {
      sandboxMillis += Math.max(0, at - start);
      evictions += reaped.reason() == Reaped.Reason.EVICTED ? 1 : 0;
      timeline.run(now, starts.size());
    }
  }

  Outcome end(long at) {
    for (long start : starts.values()) {
      sandboxMillis += Math.max(0, at - start);
    }
    return new Outcome(
        "as logged",
        claims,
        creates,
        refusals,
        evictions,
        sandboxMillis / HOUR,
        Double.NaN,
        peak,
        timeline);
  }
}
