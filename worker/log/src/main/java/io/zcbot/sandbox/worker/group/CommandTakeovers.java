/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.commands.Commands;
import io.zcbot.sandbox.worker.intake.CommandTakeover;
import io.zcbot.sandbox.worker.intake.Holdings;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.publish.StartRetry;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.KafkaException;

/**
 * Takes over the commands of assigned partitions: reads the command table, and has the commands
 * answered that nobody else will answer.
 *
 * @param retry repeats the reads until they work
 */
public record CommandTakeovers(CommandTableReader table, Commands commands, StartRetry retry)
    implements CommandTakeover {
  @Override
  public Map<Integer, CompletableFuture<Left>> of(Map<Integer, Holdings.Holding> partitions) {
    Map<Integer, CompletableFuture<Map<Integer, CommandTableReader.Part>>> reads =
        new PartitionReading("the commands", retry, KafkaException.class::isInstance)
            .of(
                partitions.keySet(),
                number -> Objects.requireNonNull(partitions.get(number)).state().stays(),
                some -> table.read(some));
    Map<Integer, CompletableFuture<Left>> left = new HashMap<>();
    partitions.forEach(
        (number, holding) ->
            left.put(
                number,
                Objects.requireNonNull(reads.get(number))
                    .thenApply(parts -> left(number, holding, parts))));
    return left;
  }

  private Left left(
      int number, Holdings.Holding holding, Map<Integer, CommandTableReader.Part> parts) {
    CommandTableReader.Part part = parts.getOrDefault(number, CommandTableReader.Part.NONE);
    return () -> commands.takeOver(number, part.entries(), part.execEnd(), holding::pass);
  }
}
