/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.intake.CommandFollower;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

/**
 * Reads the command table for partitions that are taken over.
 *
 * @param reading of the table, and of the execs
 * @param retry repeats the reads until they work
 */
public record CommandTableReading(
    CommandTableReader table, PartitionReading reading, StartRetry retry)
    implements CommandFollower.TableReading {
  @Override
  public Map<Integer, CompletableFuture<CommandTableReader.Part>> read(
      Map<Integer, Ownership> partitions) {
    Map<Integer, CompletableFuture<CommandTableReader.Part>> parts = new HashMap<>();
    reading
        .untilItWorks(
            "the commands",
            retry,
            partitions.keySet(),
            number -> Objects.requireNonNull(partitions.get(number)).isKept(),
            table::read)
        .forEach(
            (number, read) ->
                parts.put(
                    number,
                    read.thenApply(
                        each -> each.getOrDefault(number, CommandTableReader.Part.NONE))));
    return parts;
  }
}
