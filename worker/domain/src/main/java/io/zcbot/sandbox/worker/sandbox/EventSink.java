/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.SandboxEvent;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;

/** Publishes result events. Thread-safe. */
@FunctionalInterface
public interface EventSink {
  /**
   * Returns the sink for the answers to a request, which copies them if its headers ask for that.
   */
  default EventSink answering(RequestContext request) {
    return this;
  }

  /**
   * Publishes an event and returns once the log has it. Retries while the log is away.
   *
   * @throws InterruptedException if the worker stops before the log has the event
   */
  void publish(SandboxEvent event) throws InterruptedException;

  /**
   * As {@link #publish(SandboxEvent)}, for an event that only the owner of the user's partition may
   * publish: the fence is passed before each try.
   *
   * @throws FencedException if the fence closed; an earlier try may still have reached the log
   */
  default void publish(SandboxEvent event, Fence fence)
      throws FencedException, InterruptedException {
    fence.pass();
    publish(event);
  }

  /**
   * Publishes an event with a single try. Events of consecutive calls are in the log in this order,
   * unless one of them fails.
   *
   * @return completes when the log has the event; exceptionally if the try failed, though the log
   *     may have the event even then
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

  /**
   * As {@link #publishAsync(SandboxEvent)}, for one of many events, which only the owner of the
   * user's partition may publish: waits while too many are on their way. The fence is passed behind
   * that wait.
   *
   * @param isVain looked at last; if it is true, the result fails and nothing is sent
   */
  default CompletableFuture<Void> publishAsync(
      SandboxEvent event, Fence fence, BooleanSupplier isVain)
      throws FencedException, InterruptedException {
    fence.pass();
    return isVain.getAsBoolean()
        ? CompletableFuture.failedFuture(new IllegalStateException("it would be in vain"))
        : publishAsync(event);
  }
}
