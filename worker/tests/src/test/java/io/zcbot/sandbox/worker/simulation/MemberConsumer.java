/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.jspecify.annotations.Nullable;

/**
 * A member of the group. Its heartbeats go on while its thread waits, but not while it is frozen.
 */
final class MemberConsumer extends GroupConsumer {
  private static final Duration HEARTBEAT = Duration.ofSeconds(1);

  private final String instance;
  private final String id;
  private String topic = "";
  private ConsumerRebalanceListener listener;
  private Set<Integer> assigned = new TreeSet<>();
  private @Nullable KafkaException refusal;
  private boolean joining = true;
  private boolean fenced;

  /** Whether it left the group, because its thread did not poll for too long. */
  private boolean stale;

  private long polled;
  private boolean closed;
  private int epoch;

  MemberConsumer(ModelBroker broker, int most, String instance) {
    super(broker, most, "workers");
    this.instance = instance;
    this.id = instance + "-" + machine.random().nextInt(1_000_000);
  }

  String instance() {
    return instance;
  }

  String id() {
    return id;
  }

  boolean isStale() {
    return stale;
  }

  boolean isJoining() {
    return joining;
  }

  // What the coordinator says.

  void joined() {
    joining = false;
  }

  void refused(KafkaException why) {
    refusal = why;
    broker.news();
  }

  void fenced() {
    fenced = true;
    broker.news();
  }

  void assigned(Set<Integer> partitions, int groupEpoch) {
    epoch = groupEpoch;
    if (!partitions.equals(assigned)) {
      assigned = new TreeSet<>(partitions);
      broker.news();
    }
  }

  Set<Integer> assigned() {
    return assigned;
  }

  /** The partitions that it has and has not given up yet. */
  Set<Integer> owned() {
    Set<Integer> owned = new TreeSet<>();
    assignment.forEach(partition -> owned.add(partition.partition()));
    return owned;
  }

  @Override
  public void subscribe(Collection<String> topics, ConsumerRebalanceListener callback) {
    topic = topics.iterator().next();
    listener = callback;
    polled = machine.nanos();
    process.after(broker.latency(), this::beat);
  }

  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    ConsumerRecords<byte[], byte[]> records = super.poll(timeout);
    broker.stalls().await(process);
    return records;
  }

  private void beat() {
    if (!closed) {
      beatOnce();
      process.after(HEARTBEAT, this::beat);
    }
  }

  private void beatOnce() {
    if (closed || fenced || stale) {
      return;
    }
    stale = broker.stalls().isOverdue(polled);
    if (!broker.reaches(process, ModelBroker.COORDINATOR)) {
      return;
    }
    if (stale) {
      broker.group.goAway(this);
      return;
    }
    if (broker.isDenied(ModelBroker.COORDINATOR)) {
      refused(GroupAuthorizationException.forGroupId("workers"));
    } else if (broker.isDenied(topic)) {
      refused(new org.apache.kafka.common.errors.TopicAuthorizationException(Set.of(topic)));
    } else {
      broker.group.heartbeat(this);
    }
  }

  @Override
  void update() {
    polled = machine.nanos();
    super.update();
    KafkaException why = refusal;
    if (why != null) {
      refusal = null;
      throw why;
    }
    if (fenced || stale) {
      Set<TopicPartition> lost = assignment();
      assigned = new TreeSet<>();
      listener.onPartitionsLost(lost);
      forget(lost);
      joining = true;
      fenced = false;
      stale = false;
      process.after(broker.latency(), this::beatOnce);
    }
    Set<Integer> target = assigned;
    List<TopicPartition> gone = new ArrayList<>();
    for (TopicPartition partition : assignment) {
      if (!target.contains(partition.partition())) {
        gone.add(partition);
      }
    }
    if (!gone.isEmpty()) {
      listener.onPartitionsRevoked(gone);
      forget(gone);
      process.after(broker.latency(), this::beatOnce);
      return;
    }
    List<TopicPartition> added = new ArrayList<>();
    for (int number : target) {
      TopicPartition partition = new TopicPartition(topic, number);
      if (!assignment.contains(partition)) {
        added.add(partition);
      }
    }
    if (!added.isEmpty()) {
      assignment.addAll(added);
      listener.onPartitionsAssigned(added);
    }
  }

  @Override
  @Nullable OffsetAndMetadata committedOf(TopicPartition partition) {
    return broker.group.committed(partition.partition());
  }

  @Override
  void commit(Map<TopicPartition, OffsetAndMetadata> offsets) throws CommitFailedException {
    broker.group.commit(this, offsets);
  }

  @Override
  @SuppressWarnings("removal") // the other constructor takes no epoch
  public ConsumerGroupMetadata groupMetadata() {
    return new ConsumerGroupMetadata(
        "workers", joining ? 0 : epoch, id, java.util.Optional.of(instance));
  }

  @Override
  public void close(CloseOptions options) {
    closed = true;
    if (broker.reaches(process, ModelBroker.COORDINATOR)) {
      if (options.groupMembershipOperation() == CloseOptions.GroupMembershipOperation.LEAVE_GROUP) {
        broker.group.leave(this);
      } else {
        broker.group.goAway(this);
      }
    }
  }
}
