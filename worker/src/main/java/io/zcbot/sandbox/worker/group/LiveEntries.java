/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.worker.startup.StartRetry;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.apache.kafka.common.KafkaException;

/**
 * Reads the live table's entries of some partitions, by the container's id.
 *
 * @param read reads once; throws {@link KafkaException}
 * @param retry tries until it works
 */
public record LiveEntries(Function<Set<Integer>, Map<String, LiveSandbox>> read, StartRetry retry) {
  /** Reads on a thread of its own, and tries until it works or the worker stops. */
  CompletableFuture<Map<String, LiveSandbox>> of(Set<Integer> partitions) {
    CompletableFuture<Map<String, LiveSandbox>> live = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("takeover")
        .start(
            () -> {
              try {
                live.complete(
                    retry.untilItWorks(
                        "read the live sandboxes of the assigned partitions",
                        () -> read.apply(partitions),
                        KafkaException.class::isInstance));
              } catch (Exception e) {
                live.completeExceptionally(e);
              }
            });
    return live;
  }
}
