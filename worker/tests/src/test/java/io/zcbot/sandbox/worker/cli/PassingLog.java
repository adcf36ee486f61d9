/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.client.PlayedLog;
import io.zcbot.sandbox.events.SandboxEvent;
import java.time.Duration;
import java.util.List;

/** Passes everything on to another log, for tests that change a part of it. */
class PassingLog implements CommandLog {
  private final LocalCommands to;

  PassingLog(LocalCommands to) {
    this.to = to;
  }

  /** Plays a log for the client library. */
  static PlayedLog.Player player(CommandLog log) {
    return new PlayedLog.Player() {
      @Override
      public void publish(SandboxEvent event) throws Exception {
        log.publish(event);
      }

      @Override
      public List<SandboxEvent> poll(Duration atMost) throws Exception {
        return log.poll(atMost);
      }
    };
  }

  @Override
  public void publish(SandboxEvent event) throws CommandException {
    to.publish(event);
  }

  @Override
  public List<SandboxEvent> poll(Duration atMost) {
    return to.poll(atMost);
  }

  @Override
  public void close() {}
}
