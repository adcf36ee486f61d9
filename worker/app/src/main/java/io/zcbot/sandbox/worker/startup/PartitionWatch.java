/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import static java.util.stream.Collectors.toCollection;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicsException;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices while the worker runs that somebody changed the number of partitions, which ends the
 * worker, or that no worker reads some of them. Also updates the number of brokers that the clients
 * assume.
 */
public final class PartitionWatch {
  private static final Logger log = LoggerFactory.getLogger(PartitionWatch.class);

  private static final int CALL_SECONDS = 10;

  private final KafkaClients kafka;
  private final KafkaConfig config;
  private final int served;
  private final Consumer<String> changed;
  private final Semaphore once = new Semaphore(1);
  private volatile @Nullable String problem;
  private Set<Integer> unreadBefore = Set.of();

  /**
   * Creates the watch.
   *
   * @param served the number of partitions by which the worker serves users
   * @param changed is called with what to do if the topics have another number of partitions now
   */
  public PartitionWatch(
      KafkaClients kafka, KafkaConfig config, int served, Consumer<String> changed) {
    this.kafka = kafka;
    this.config = config;
    this.served = served;
    this.changed = changed;
  }

  /** What is wrong with the partitions, and how to fix it; null if nothing is. Any thread. */
  public @Nullable String problem() {
    return problem;
  }

  /** Checks the topics on another thread, unless a check is running. Does not block. */
  public void look() {
    if (once.tryAcquire()) {
      Threads.start(
          "partition-watch",
          () -> {
            try {
              lookNow();
            } finally {
              once.release();
            }
          });
    }
  }

  void lookNow() {
    try (Admin admin = kafka.admin()) {
      TopicAdmin topics = new TopicAdmin(admin, config);
      kafka.fetchSize().brokers(topics.cluster().brokers());
      String change = topics.change(served);
      if (change != null) {
        changed.accept(change);
        return;
      }
      String found = problemOf(unread(admin));
      if (found != null && !found.equals(problem)) {
        log.warn("{}", found);
      }
      problem = found;
    } catch (TopicsException e) {
      log.debug("the topics could not be looked at: {}", e.getMessage()); // it will be tried again
    } catch (ExecutionException | TimeoutException e) {
      log.debug("the group could not be looked at: {}", e.toString());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private Set<Integer> unread(Admin admin)
      throws ExecutionException, InterruptedException, TimeoutException {
    Set<Integer> unread = IntStream.range(0, served).boxed().collect(toCollection(TreeSet::new));
    admin
        .describeConsumerGroups(List.of(config.groupId()))
        .all()
        .get(CALL_SECONDS, TimeUnit.SECONDS)
        .values()
        .stream()
        .flatMap(group -> group.members().stream())
        .filter(member -> KafkaClients.isWorker(member.clientId()))
        .flatMap(member -> member.assignment().topicPartitions().stream())
        .filter(partition -> partition.topic().equals(config.topic(Topic.ENSURE)))
        .forEach(partition -> unread.remove(partition.partition()));
    return unread;
  }

  /**
   * Reports partitions that were unread twice in a row: a rebalance leaves some unread for a
   * moment.
   */
  private @Nullable String problemOf(Set<Integer> unread) {
    Set<Integer> lasting = new TreeSet<>(unread);
    lasting.retainAll(unreadBefore);
    unreadBefore = unread;
    return lasting.isEmpty()
        ? null
        : "no worker in group "
            + config.groupId()
            + " reads partitions "
            + lasting
            + " of "
            + config.topic(Topic.ENSURE)
            + ", so the ensures of their users are not answered. `kafka-consumer-groups.sh"
            + " --describe` shows the members: a worker hangs, or a client that is no worker is"
            + " in the group";
  }
}
