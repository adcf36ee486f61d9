/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetCommitCallback;
import org.apache.kafka.clients.consumer.RetriableCommitFailedException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.jspecify.annotations.Nullable;

/** A consumer that commits in a group. */
abstract class GroupConsumer extends ModelConsumer {
  private final Deque<Runnable> callbacks = new ArrayDeque<>();

  private final String group;

  GroupConsumer(ModelBroker broker, int most, String group) {
    super(broker, most);
    this.group = group;
  }

  abstract @Nullable OffsetAndMetadata committedOf(TopicPartition partition);

  abstract void commit(Map<TopicPartition, OffsetAndMetadata> offsets) throws CommitFailedException;

  @Override
  void update() {
    while (!callbacks.isEmpty()) {
      callbacks.remove().run();
    }
  }

  /**
   * The committed offset, if the leader has it in its log; otherwise the beginning of the leader's
   * log.
   */
  @Override
  long begin(TopicPartition partition, Duration timeout) {
    broker.request(ModelBroker.COORDINATOR, timeout);
    broker.request(partition.topic(), Set.of(partition), timeout);
    OffsetAndMetadata committed = committedOf(partition);
    return committed == null
        ? broker.log(partition.topic(), partition.partition()).start
        : committed.offset();
  }

  @Override
  public Map<TopicPartition, OffsetAndMetadata> committed(
      Set<TopicPartition> partitions, Duration timeout) {
    broker.request(ModelBroker.COORDINATOR, timeout);
    Map<TopicPartition, OffsetAndMetadata> committed = new HashMap<>();
    partitions.forEach(partition -> committed.put(partition, committedOf(partition)));
    return committed;
  }

  @Override
  public void commitSync(Map<TopicPartition, OffsetAndMetadata> offsets, Duration timeout) {
    broker.request(ModelBroker.COORDINATOR, timeout);
    commit(offsets);
    broker.sleep(broker.latency());
  }

  @Override
  public void commitAsync(
      Map<TopicPartition, OffsetAndMetadata> offsets, OffsetCommitCallback callback) {
    process.after(
        broker.latency(),
        () -> {
          Exception outcome = null;
          if (!broker.reaches(process, ModelBroker.COORDINATOR)) {
            outcome = new RetriableCommitFailedException("the coordinator is not reached");
          } else if (broker.isDenied(ModelBroker.COORDINATOR)) {
            outcome = GroupAuthorizationException.forGroupId(group);
          } else {
            try {
              commit(offsets);
            } catch (CommitFailedException e) {
              outcome = e;
            }
          }
          answer(offsets, callback, outcome);
        });
  }

  private void answer(
      Map<TopicPartition, OffsetAndMetadata> offsets,
      OffsetCommitCallback callback,
      @Nullable Exception outcome) {
    process.after(
        broker.latency(),
        () -> {
          callbacks.add(() -> callback.onComplete(offsets, outcome));
          broker.news();
        });
  }
}
