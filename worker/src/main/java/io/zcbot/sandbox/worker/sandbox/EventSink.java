/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.SandboxEvent;
import java.util.concurrent.CompletableFuture;

/** Publishes result events. */
@FunctionalInterface
public interface EventSink {
  /** Publishes the answers to a request, as its headers ask for. */
  default EventSink answering(RequestContext request) {
    return this;
  }

  /**
   * Publishes an event and returns once the log has it. While the log is away it keeps trying.
   *
   * @throws InterruptedException if the worker stops before the log has the event
   */
  void publish(SandboxEvent event) throws InterruptedException;

  /**
   * As {@link #publish(SandboxEvent)}, for an event that only the owner of the user's partition may
   * publish: the fence is passed before each try.
   *
   * @throws FencedException if the fence closed; a try before may have reached the log all the same
   */
  default void publish(SandboxEvent event, Fence fence)
      throws FencedException, InterruptedException {
    fence.pass();
    publish(event);
  }

  /**
   * Hands an event over, and tries once. The log has events that are handed over one after another
   * in this order, unless one of them fails.
   *
   * @return completes when the log has the event; exceptionally if the try failed, after which the
   *     log may have it all the same
   */
  default CompletableFuture<Void> publishAsync(SandboxEvent event) {
    try {
      publish(event);
      return CompletableFuture.completedFuture(null);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return CompletableFuture.failedFuture(e);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }
}
