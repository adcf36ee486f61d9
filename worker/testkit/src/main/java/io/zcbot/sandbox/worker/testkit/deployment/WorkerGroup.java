/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/** The workers' consumer group, as an administrator sees it. */
public final class WorkerGroup implements AutoCloseable {
  private static final int SECONDS = 90;

  private final Admin admin;
  private final String id;
  private final String ensures;

  public WorkerGroup(KafkaAccess kafka, String id, String prefix) {
    this.admin = Admin.create(kafka.client(kafka.administrator(), Map.of()));
    this.id = id;
    this.ensures = Topic.ENSURE.named(prefix);
  }

  /** A client of the cluster, closed with this object. */
  public Admin admin() {
    return admin;
  }

  /** The partitions of each worker, by worker id; workers without any are left out. */
  public Map<String, Set<Integer>> assignment() throws Exception {
    Map<String, Set<Integer>> owned = new HashMap<>();
    try {
      for (MemberDescription member :
          admin
              .describeConsumerGroups(List.of(id))
              .describedGroups()
              .get(id)
              .get(SECONDS, TimeUnit.SECONDS)
              .members()) {
        for (TopicPartition partition : member.assignment().topicPartitions()) {
          String workerId = member.groupInstanceId().orElseThrow();
          owned.computeIfAbsent(workerId, _ -> new HashSet<>()).add(partition.partition());
        }
      }
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof GroupIdNotFoundException)) {
        throw e;
      }
    }
    return owned;
  }

  /** Waits until every partition has a worker and every worker has partitions. */
  void awaitAssigned(int partitions, int workers) {
    await("all partitions assigned")
        .atMost(Deployment.SOON)
        .pollInterval(Duration.ofMillis(50))
        .until(
            () -> {
              Map<String, Set<Integer>> owned = assignment();
              return owned.size() == Math.min(workers, partitions)
                  && owned.values().stream().mapToInt(Set::size).sum() == partitions;
            });
  }

  public Map<TopicPartition, OffsetAndMetadata> committed() throws Exception {
    return committed(id);
  }

  private Map<TopicPartition, OffsetAndMetadata> committed(String group) throws Exception {
    return admin
        .listConsumerGroupOffsets(group)
        .partitionsToOffsetAndMetadata()
        .get(SECONDS, TimeUnit.SECONDS);
  }

  public boolean isAllCommitted() throws Exception {
    return isAllCommitted(ensures, id);
  }

  public boolean isAllCommitted(String topic, String group) throws Exception {
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    admin
        .describeTopics(List.of(topic))
        .topicNameValues()
        .get(topic)
        .get(SECONDS, TimeUnit.SECONDS)
        .partitions()
        .forEach(p -> latest.put(new TopicPartition(topic, p.partition()), OffsetSpec.latest()));
    var ends = admin.listOffsets(latest).all().get(SECONDS, TimeUnit.SECONDS);
    var committed = committed(group);
    return ends.entrySet().stream()
        .allMatch(
            end -> {
              OffsetAndMetadata at = committed.get(end.getKey());
              return (at == null ? 0 : at.offset()) == end.getValue().offset();
            });
  }

  @Override
  public void close() {
    admin.close(Duration.ofSeconds(5));
  }
}
