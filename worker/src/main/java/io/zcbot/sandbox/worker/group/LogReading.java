/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.startup.StartRetry;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.KafkaException;

/**
 * Reads what the log says of the users of assigned partitions.
 *
 * @param retry tries until it works
 */
public record LogReading(LogComparison comparison, StartRetry retry) {
  /** Compares on a thread of its own, and tries until it works or the worker stops. */
  CompletableFuture<LogComparison.Differences> of(Set<Integer> partitions) {
    CompletableFuture<LogComparison.Differences> compared = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("takeover")
        .start(
            () -> {
              try {
                compared.complete(
                    retry.untilItWorks(
                        "read what the log says of users of the assigned partitions",
                        () -> comparison.of(partitions, true),
                        KafkaException.class::isInstance));
              } catch (Exception e) {
                compared.completeExceptionally(e);
              }
            });
    return compared;
  }
}
