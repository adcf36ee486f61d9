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
import org.apache.kafka.common.KafkaException;

/**
 * Reads the command table for partitions that are taken over.
 *
 * @param retry repeats the reads until they work
 */
public record CommandTableReading(CommandTableReader table, StartRetry retry)
    implements CommandFollower.TableReading {
  @Override
  public Map<Integer, CompletableFuture<CommandTableReader.Part>> read(
      Map<Integer, Ownership> partitions) {
    Map<Integer, CompletableFuture<CommandTableReader.Part>> parts = new HashMap<>();
    new PartitionReading("the commands", retry, KafkaException.class::isInstance)
        .of(
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
