/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.SandboxEvent;

/** Publishes result events. */
@FunctionalInterface
public interface EventSink {
  /**
   * Publishes an event and returns once the log has it. While the log is away it keeps trying.
   *
   * @throws InterruptedException if the worker stops before the log has the event
   */
  void publish(SandboxEvent event) throws InterruptedException;
}
