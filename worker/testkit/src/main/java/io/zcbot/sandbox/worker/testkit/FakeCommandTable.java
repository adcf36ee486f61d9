/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.commands.CommandTable;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;

/** The command table in memory. */
public final class FakeCommandTable implements CommandTable {
  private final BooleanSupplier crashed;
  private final Map<String, CommandEntry> entries =
      Collections.synchronizedMap(new LinkedHashMap<>());

  /** While the log is unavailable, entries wait for it. */
  public final Semaphore log = new Semaphore(Integer.MAX_VALUE);

  FakeCommandTable(BooleanSupplier crashed) {
    this.crashed = crashed;
  }

  @Override
  public void started(CommandEntry entry, Fence fence)
      throws FencedException, InterruptedException {
    log.acquire();
    fence.pass();
    if (crashed.getAsBoolean()) {
      throw new InterruptedException("crashed before");
    }
    entries.put(entry.execId(), entry);
  }

  @Override
  public void answered(CommandEntry entry) {
    if (!crashed.getAsBoolean()) {
      entries.computeIfPresent(entry.execId(), (_, was) -> was.asAnswered());
    }
  }

  @Override
  public void remove(UserId user, String execId) {
    if (!crashed.getAsBoolean()) {
      entries.remove(execId);
    }
  }

  public Collection<CommandEntry> all() {
    synchronized (entries) {
      return List.copyOf(entries.values());
    }
  }

  public List<String> unanswered() {
    List<String> ids = new ArrayList<>();
    for (CommandEntry entry : all()) {
      if (!entry.answered()) {
        ids.add(entry.execId());
      }
    }
    return ids;
  }
}
