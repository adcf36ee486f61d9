/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.reap.LogComparison;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.startup.StartRetry;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what the log says of the users of assigned partitions.
 *
 * @param retry tries until it works
 */
public record LogReading(LogComparison comparison, StartRetry retry) {
  private static final Logger log = LoggerFactory.getLogger(LogReading.class);

  /** Compares on a thread of its own, and tries until it works or the worker stops. */
  CompletableFuture<LogComparison.Differences> of(Set<Integer> partitions) {
    CompletableFuture<LogComparison.Differences> compared = new CompletableFuture<>();
    OutageLog unexpected = new OutageLog(log, Time.system());
    Thread.ofVirtual()
        .name("takeover")
        .start(
            () -> {
              try {
                compared.complete(
                    retry.untilItWorks(
                        "read what the log says of users of the assigned partitions",
                        () -> compare(partitions, unexpected),
                        // Whatever it is: until it works, nobody serves these partitions.
                        RuntimeException.class::isInstance));
              } catch (Throwable e) {
                compared.completeExceptionally(e);
              }
            });
    return compared;
  }

  private LogComparison.Differences compare(Set<Integer> partitions, OutageLog unexpected) {
    try {
      return comparison.of(partitions, true);
    } catch (KafkaException e) {
      throw e;
    } catch (RuntimeException e) {
      unexpected.failed("reading the log failed unexpectedly; please report this", e);
      throw e;
    }
  }
}
