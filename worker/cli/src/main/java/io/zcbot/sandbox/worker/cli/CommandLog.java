/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.SandboxEvent;
import java.time.Duration;
import java.util.List;

/** The topics as a requester of one user's commands sees them. */
interface CommandLog extends AutoCloseable {
  /** Publishes an event and blocks until it is acknowledged. May be called by any thread. */
  void publish(SandboxEvent event) throws CommandException, InterruptedException;

  /**
   * Returns the next events that workers published for the user since this was opened; waits for
   * some. May be called by one thread at a time.
   *
   * @param atMost maximum time to wait; the result is empty after that
   */
  List<SandboxEvent> poll(Duration atMost) throws CommandException;

  @Override
  void close();
}
