/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.Replay;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.audit.log.KafkaLogSource;
import io.zcbot.sandbox.worker.audit.log.Selection;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The product's own audit, run over a test's topics: what it can't see, no operator could see. */
public final class TopicAudit {
  private final List<String> violations = new ArrayList<>();
  private final Summary summary;

  /** Reads everything that is in the topics now. */
  public TopicAudit(String bootstrapServers, String prefix, int partitions, Rules rules)
      throws IOException, InterruptedException {
    List<TopicPartition> all = new ArrayList<>();
    for (Topic topic : Topic.history()) {
      for (int partition = 0; partition < partitions; partition++) {
        all.add(new TopicPartition(topic.named(prefix), partition));
      }
    }
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers, "auto.offset.reset", "earliest"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    consumer.assign(all);
    consumer.seekToBeginning(all);
    try (KafkaLogSource source =
        new KafkaLogSource(consumer, prefix, Selection.ALL, Map.of(), Instant.now())) {
      summary = new Replay(rules, this::note, (_, _) -> {}).run(source);
    }
  }

  private void note(Observation finding) {
    if (finding instanceof Violation violation) {
      violations.add(
          "audit, %s: %s (user %s; %s)"
              .formatted(
                  violation.check().label(),
                  violation.text(),
                  violation.user(),
                  violation.evidence()));
    }
  }

  public List<String> violations() {
    return violations;
  }

  public Summary summary() {
    return summary;
  }
}
