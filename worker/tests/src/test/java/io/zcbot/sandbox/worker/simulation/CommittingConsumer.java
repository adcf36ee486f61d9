/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** A consumer that assigns its partitions to itself and commits in a group without members. */
final class CommittingConsumer extends GroupConsumer {
  CommittingConsumer(ModelBroker broker, int most) {
    super(broker, most, "workers-commands");
  }

  @Override
  @Nullable OffsetAndMetadata committedOf(TopicPartition partition) {
    return broker.committedOfCommands(partition);
  }

  @Override
  void commit(Map<TopicPartition, OffsetAndMetadata> offsets) {
    broker.commitOfCommands(offsets);
  }
}
