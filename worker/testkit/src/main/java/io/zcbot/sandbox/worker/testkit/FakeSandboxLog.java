/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A log in memory, of one partition.
 *
 * @param live the live table, by container
 * @param events what was published
 * @param most entries of other containers that fit
 */
public record FakeSandboxLog(Map<String, LiveSandbox> live, List<SandboxEvent> events, int most)
    implements OnePartitionLog {
  public FakeSandboxLog(Map<String, LiveSandbox> live, List<SandboxEvent> events) {
    this(live, events, Integer.MAX_VALUE);
  }

  @Override
  public Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others) {
    Map<String, LiveSandbox> here = new HashMap<>();
    List<LiveSandbox> elsewhere = new ArrayList<>();
    boolean complete = true;
    for (LiveSandbox entry : live.values()) {
      if (entry.userId().equals(running.get(entry.containerId()))) {
        here.put(entry.containerId(), entry);
      } else if (others && elsewhere.size() < most) {
        elsewhere.add(entry);
      } else {
        complete = !others;
      }
    }
    return new Entries(here, elsewhere, complete);
  }

  @Override
  public Announcements announced(
      Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
    Announcements announced = new Announcements(containers);
    for (SandboxEvent event : List.copyOf(events)) {
      switch (event) {
        case Ready ready -> announced.add(ready);
        case Reaped reaped -> announced.add(reaped);
        default -> {}
      }
    }
    return announced;
  }
}
