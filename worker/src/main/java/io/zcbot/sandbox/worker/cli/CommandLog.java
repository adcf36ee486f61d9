/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.SandboxEvent;
import java.time.Duration;
import java.util.List;

/** The topics, as somebody uses them who runs commands of one user. */
interface CommandLog extends AutoCloseable {
  /** Publishes an event, and returns once the log has it. Any thread. */
  void publish(SandboxEvent event) throws CommandException, InterruptedException;

  /**
   * What workers published for the user since this was opened and was not returned yet; waits for
   * some. One thread at a time.
   */
  List<SandboxEvent> poll(Duration atMost) throws CommandException;

  @Override
  void close();
}
