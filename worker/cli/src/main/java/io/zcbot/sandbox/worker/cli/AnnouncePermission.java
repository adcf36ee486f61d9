/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.jspecify.annotations.Nullable;

/**
 * Finds out whether this client may announce the end of sandboxes. Asked before the first one is
 * removed, because a removal can't be undone.
 */
final class AnnouncePermission {
  private static final int LIMIT_MS = 5000;

  private AnnouncePermission() {}

  /**
   * Returns the missing permissions, for people; null if none is missing, or if the cluster does
   * not say. Blocks.
   *
   * @throws CommandException if Kafka does not answer
   */
  static @Nullable String missing(KafkaLog log) throws CommandException, InterruptedException {
    List<String> topics =
        Stream.of(Topic.REAPED, Topic.LIVE, Topic.CURRENT)
            .map(topic -> topic.named(log.config().topicPrefix()))
            .toList();
    String purpose = "look up whether " + String.join(" and ", topics) + " may be written";
    List<String> missing = new ArrayList<>();
    try (Admin admin = log.admin(purpose)) {
      var descriptions =
          admin
              .describeTopics(
                  topics,
                  new DescribeTopicsOptions().includeAuthorizedOperations(true).timeoutMs(LIMIT_MS))
              .topicNameValues();
      for (var topic : descriptions.entrySet()) {
        try {
          if (!allowsWrite(topic.getValue().get(LIMIT_MS, TimeUnit.MILLISECONDS))) {
            missing.add(topic.getKey());
          }
        } catch (ExecutionException e) {
          if (!(e.getCause() instanceof TopicAuthorizationException)) {
            throw e;
          }
          missing.add(topic.getKey());
        }
      }
    } catch (ExecutionException e) {
      throw log.failed(purpose, e.getCause() == null ? e : e.getCause());
    } catch (TimeoutException e) {
      throw log.failed(purpose, e);
    }
    missing.sort(null);
    return missing.isEmpty()
        ? null
        : "this client has no permission Write on topic " + String.join(" and ", missing);
  }

  private static boolean allowsWrite(TopicDescription topic) {
    Set<AclOperation> operations = topic.authorizedOperations();
    return operations == null || operations.contains(AclOperation.WRITE);
  }
}
