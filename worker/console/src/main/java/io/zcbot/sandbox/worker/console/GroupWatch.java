/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;

/**
 * Asks the brokers periodically which workers there are, and how much of what agents sent is not
 * done. It needs the permission to describe the workers' groups; without that, the console shows
 * the rest.
 */
final class GroupWatch implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofSeconds(3);
  private static final Duration ANSWER = Duration.ofSeconds(5);
  private static final Duration STOP = Duration.ofSeconds(10);

  private final Supplier<Admin> admins;
  private final List<String> groups;
  private final Fleet fleet;
  private final CountDownLatch stop = new CountDownLatch(1);
  private final Thread thread;

  /**
   * Starts to ask, on a thread of its own.
   *
   * @param admins makes an admin client; this closes it
   */
  static GroupWatch start(Supplier<Admin> admins, KafkaConfig config, Fleet fleet) {
    GroupWatch watch = new GroupWatch(admins, config, fleet);
    watch.thread.start();
    return watch;
  }

  private GroupWatch(Supplier<Admin> admins, KafkaConfig config, Fleet fleet) {
    this.admins = admins;
    this.groups = List.of(config.groupId(), config.commandsGroupId());
    this.fleet = fleet;
    this.thread = Thread.ofPlatform().name("console-group").daemon().unstarted(this::run);
  }

  private void run() {
    try (Admin admin = admins.get()) {
      do {
        fleet.group(ask(admin));
      } while (!stop.await(INTERVAL.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException _) {
      // It was closed.
    } catch (KafkaException e) {
      fleet.group(GroupState.unknown(String.valueOf(e.getMessage())));
    }
  }

  private GroupState ask(Admin admin) throws InterruptedException {
    try {
      ConsumerGroupDescription group =
          Objects.requireNonNull(
              answer(admin.describeConsumerGroups(List.of(groups.getFirst())).all())
                  .get(groups.getFirst()));
      Map<String, Integer> workers = new HashMap<>();
      for (MemberDescription member : group.members()) {
        workers.merge(
            member.groupInstanceId().orElse(member.clientId()),
            member.assignment().topicPartitions().size(),
            Integer::sum);
      }
      return new GroupState(workers, lag(admin), "");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      return GroupState.unknown(
          "the group " + groups.getFirst() + " can't be described: " + cause.getMessage());
    } catch (TimeoutException _) {
      return GroupState.unknown("Kafka does not answer");
    }
  }

  /**
   * The number of records that are not done; -1 without the permission to ask, or while a partition
   * has no leader who knows its end.
   */
  private long lag(Admin admin) throws InterruptedException {
    try {
      return sum(admin);
    } catch (ExecutionException | TimeoutException _) {
      return -1;
    }
  }

  private long sum(Admin admin) throws ExecutionException, InterruptedException, TimeoutException {
    Map<TopicPartition, Long> done = new HashMap<>();
    for (String group : groups) {
      answer(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata())
          .forEach((partition, offset) -> note(partition, offset, done));
    }
    Map<TopicPartition, OffsetSpec> wanted =
        done.keySet().stream()
            .collect(Collectors.toMap(partition -> partition, _ -> OffsetSpec.latest()));
    long lag = 0;
    for (var end : answer(admin.listOffsets(wanted).all()).entrySet()) {
      lag += Math.max(0, end.getValue().offset() - done.getOrDefault(end.getKey(), 0L));
    }
    return lag;
  }

  /** Notes an offset, which is null if the group committed nothing in the partition. */
  @SuppressWarnings("ConstantValue")
  private static void note(
      TopicPartition partition, OffsetAndMetadata offset, Map<TopicPartition, Long> done) {
    if (offset != null) {
      done.put(partition, offset.offset());
    }
  }

  private static <T> T answer(KafkaFuture<T> future)
      throws ExecutionException, InterruptedException, TimeoutException {
    return future.get(ANSWER.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    stop.countDown();
    thread.interrupt();
    try {
      thread.join(STOP);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
