/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.apache.kafka.common.acl.AclOperation.CREATE;
import static org.apache.kafka.common.acl.AclOperation.DESCRIBE;
import static org.apache.kafka.common.acl.AclOperation.DESCRIBE_CONFIGS;
import static org.apache.kafka.common.acl.AclOperation.READ;
import static org.apache.kafka.common.acl.AclOperation.WRITE;

import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.Resource;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** The roles of Kafka users, with their least permissions. No role needs a transactional id. */
public enum Role {
  /** A service that asks for sandboxes and uses them. */
  AGENT,
  /** A worker. It creates no topics; an operator does. */
  WORKER,
  /** A gateway: for Kafka a service that uses sandboxes, and finds again what others started. */
  GATEWAY,
  /** A user who only runs commands in sandboxes: {@code exec}, {@code cp}. */
  COMMANDER,
  /** A user who reads what happened: {@code audit}, {@code watch}, {@code console}. */
  AUDITOR,
  /** A user of the other commands: {@code topics}, {@code purge}, {@code doctor} and so on. */
  OPERATOR;

  /**
   * The operations that are allowed on one resource. Reading and writing include describing.
   *
   * @param operations at least one
   */
  public record Permission(ResourcePattern resource, List<AclOperation> operations) {}

  /**
   * The role's permissions.
   *
   * @param agentGroups the prefix of the consumer groups of agent services
   */
  public List<Permission> permissions(KafkaConfig config, String agentGroups) {
    return switch (this) {
      case AGENT ->
          List.of(
              on(config, Topic.ENSURE, WRITE),
              on(config, Topic.ACTIVITY, WRITE),
              on(config, Topic.EXEC, WRITE),
              on(config, Topic.INPUT, WRITE),
              on(config, Topic.RELEASE, WRITE),
              on(config, Topic.READY, READ),
              on(config, Topic.REAPED, READ),
              on(config, Topic.FAILED, READ),
              on(config, Topic.STARTED, READ),
              on(config, Topic.OUTPUT, READ),
              on(config, Topic.EXITED, READ),
              on(config, Topic.EXPIRING, READ),
              on(config, Topic.CURRENT, READ),
              onReplies(config, READ),
              new Permission(
                  new ResourcePattern(ResourceType.GROUP, agentGroups, PatternType.PREFIXED),
                  List.of(READ)));
      case WORKER ->
          List.of(
              // Workers write to input topics to forward records.
              on(config, Topic.ENSURE, READ, WRITE, DESCRIBE_CONFIGS),
              on(config, Topic.ACTIVITY, READ, WRITE, DESCRIBE_CONFIGS),
              on(config, Topic.EXEC, READ, WRITE, DESCRIBE_CONFIGS),
              on(config, Topic.INPUT, READ, WRITE, DESCRIBE_CONFIGS),
              on(config, Topic.RELEASE, READ, WRITE, DESCRIBE_CONFIGS),
              on(config, Topic.READY, READ, WRITE),
              on(config, Topic.REAPED, READ, WRITE),
              on(config, Topic.FAILED, WRITE),
              on(config, Topic.DEAD_LETTER, WRITE),
              on(config, Topic.STARTED, WRITE),
              on(config, Topic.OUTPUT, WRITE),
              on(config, Topic.EXITED, WRITE),
              on(config, Topic.EXPIRING, WRITE),
              on(config, Topic.LIVE, READ, WRITE, DESCRIBE_CONFIGS),
              on(config, Topic.COMMANDS, READ, WRITE, DESCRIBE_CONFIGS),
              on(config, Topic.CURRENT, WRITE, DESCRIBE_CONFIGS),
              onReplies(config, WRITE),
              onGroup(config.groupId(), READ),
              onGroup(config.commandsGroupId(), READ));
      case GATEWAY ->
          List.of(
              on(config, Topic.ENSURE, WRITE),
              on(config, Topic.EXEC, READ, WRITE),
              on(config, Topic.INPUT, WRITE),
              on(config, Topic.RELEASE, WRITE),
              on(config, Topic.READY, READ),
              on(config, Topic.REAPED, READ),
              on(config, Topic.FAILED, READ),
              on(config, Topic.STARTED, READ),
              on(config, Topic.OUTPUT, READ),
              on(config, Topic.EXITED, READ),
              on(config, Topic.COMMANDS, READ),
              on(config, Topic.CURRENT, READ));
      case COMMANDER ->
          List.of(
              on(config, Topic.EXEC, WRITE),
              on(config, Topic.INPUT, WRITE),
              on(config, Topic.STARTED, READ),
              on(config, Topic.OUTPUT, READ),
              on(config, Topic.EXITED, READ),
              onReplies(config, READ));
      case AUDITOR -> readAll(config);
      case OPERATOR -> {
        List<Permission> all = new ArrayList<>();
        for (Topic topic : Topic.values()) {
          all.add(
              switch (topic) {
                case ENSURE, ACTIVITY, EXEC, INPUT, RELEASE, LIVE ->
                    on(config, topic, READ, WRITE, CREATE, DESCRIBE_CONFIGS);
                case READY, FAILED, STARTED, OUTPUT, EXITED, EXPIRING, DEAD_LETTER ->
                    on(config, topic, READ, CREATE);
                case REAPED -> on(config, topic, READ, WRITE, CREATE);
                case COMMANDS -> on(config, topic, READ, CREATE, DESCRIBE_CONFIGS);
                case CURRENT -> on(config, topic, WRITE, CREATE, DESCRIBE_CONFIGS);
              });
        }
        all.add(onGroup(config.groupId(), DESCRIBE));
        all.add(
            new Permission(
                new ResourcePattern(
                    ResourceType.CLUSTER, Resource.CLUSTER_NAME, PatternType.LITERAL),
                List.of(DESCRIBE)));
        yield List.copyOf(all);
      }
    };
  }

  private static List<Permission> readAll(KafkaConfig config) {
    return Arrays.stream(Topic.values()).map(topic -> on(config, topic, READ)).toList();
  }

  private static Permission on(KafkaConfig config, Topic topic, AclOperation... operations) {
    return new Permission(
        new ResourcePattern(ResourceType.TOPIC, config.topic(topic), PatternType.LITERAL),
        List.of(operations));
  }

  /** Permission on the topics to which requests have answers copied. */
  private static Permission onReplies(KafkaConfig config, AclOperation operation) {
    return new Permission(
        new ResourcePattern(
            ResourceType.TOPIC, ReplyTo.prefix(config.topicPrefix()), PatternType.PREFIXED),
        List.of(operation));
  }

  private static Permission onGroup(String group, AclOperation operation) {
    return new Permission(
        new ResourcePattern(ResourceType.GROUP, group, PatternType.LITERAL), List.of(operation));
  }
}
