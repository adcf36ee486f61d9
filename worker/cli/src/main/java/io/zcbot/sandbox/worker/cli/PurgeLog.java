/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;

/**
 * Where a purge announces the end of sandboxes. A failure ends the announcement, after which {@link
 * io.zcbot.sandbox.worker.reap.Termination} keeps the container, so it can be announced later.
 */
record PurgeLog(KafkaLog log) implements EventSink, LiveSandboxTable, CurrentSandboxes {
  /** The log did not take an announcement. */
  static final class NotAnnouncedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final CommandException failure;

    NotAnnouncedException(CommandException failure) {
      super(failure);
      this.failure = failure;
    }

    CommandException failure() {
      return failure;
    }
  }

  @Override
  public void publish(SandboxEvent event) throws InterruptedException {
    write(() -> log.publish(event));
  }

  @Override
  public void close(UserId user, String containerId) throws InterruptedException {
    write(() -> log.removeLive(user, containerId));
  }

  @Override
  public void purge(UserId user) throws InterruptedException {
    write(() -> log.removeCurrent(user));
  }

  private interface Writing {
    void run() throws CommandException, InterruptedException;
  }

  private static void write(Writing writing) throws InterruptedException {
    try {
      writing.run();
    } catch (CommandException e) {
      throw new NotAnnouncedException(e);
    }
  }

  @Override
  public void remove(UserId user) throws InterruptedException {
    purge(user);
  }

  @Override
  public void open(LiveSandbox sandbox) {
    throw new IllegalStateException("a purge does not create a sandbox");
  }

  @Override
  public void enter(CurrentSandbox sandbox) {
    throw new IllegalStateException("a purge does not create a sandbox");
  }
}
