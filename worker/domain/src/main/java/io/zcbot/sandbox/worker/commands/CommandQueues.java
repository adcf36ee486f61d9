/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import java.util.Collection;
import java.util.concurrent.ConcurrentHashMap;

/** The command queues of this worker's sandboxes, by container. Thread-safe. */
public final class CommandQueues implements SandboxCommands {
  private final ConcurrentHashMap<String, UserCommands> queues = new ConcurrentHashMap<>();
  private final CommandSetup setup;
  private final Time time;

  public CommandQueues(CommandSetup setup, Time time) {
    this.setup = setup;
    this.time = time;
  }

  CommandSetup setup() {
    return setup;
  }

  UserCommands of(Sandbox sandbox) {
    return queues.computeIfAbsent(
        sandbox.containerId(),
        _ -> new UserCommands(sandbox, setup.engine(), setup.limits(), time));
  }

  Collection<UserCommands> all() {
    return queues.values();
  }

  @Override
  public boolean areIn(Sandbox sandbox) {
    UserCommands commands = queues.get(sandbox.containerId());
    return commands != null && !commands.isIdle();
  }

  @Override
  public void ended(UserId user, String containerId) throws InterruptedException {
    UserCommands commands = queues.remove(containerId);
    if (commands != null) {
      commands.ended();
    }
  }
}
