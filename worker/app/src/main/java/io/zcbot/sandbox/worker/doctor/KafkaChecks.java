/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.BrokerClock;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicsException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeAclsOptions;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.jspecify.annotations.Nullable;

/**
 * Checks the topics, the access control and the controller's clock. Blocks on answers of the
 * brokers.
 */
final class KafkaChecks {
  private static final int FIRST_ANSWER_MS = 3000;

  private final Admin admin;
  private final KafkaConfig config;
  private final Duration idleTtl;

  KafkaChecks(Admin admin, KafkaConfig config, Duration idleTtl) {
    this.admin = admin;
    this.config = config;
    this.idleTtl = idleTtl;
  }

  List<Finding> all() throws InterruptedException {
    String problem = problem();
    if (problem != null) {
      return List.of(
          Finding.fail(
              "topics",
              "Kafka can't be reached at " + config.bootstrapServers() + ": " + problem,
              "check that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right"));
    }
    List<Finding> findings = new ArrayList<>(topics());
    findings.add(clock());
    findings.add(acls());
    return findings;
  }

  /** Returns why Kafka does not answer; null if it does. */
  private @Nullable String problem() throws InterruptedException {
    String problem = BrokerProbe.problem(config.bootstrapServers());
    if (problem != null) {
      return problem;
    }
    try {
      admin
          .describeCluster(new DescribeClusterOptions().timeoutMs(FIRST_ANSWER_MS))
          .nodes()
          .get(FIRST_ANSWER_MS, TimeUnit.MILLISECONDS);
      return null;
    } catch (TimeoutException _) {
      return "a broker listens, but does not answer within " + FIRST_ANSWER_MS / 1000 + " s";
    } catch (ExecutionException e) {
      return String.valueOf(e.getCause() == null ? e : e.getCause().getMessage());
    }
  }

  private List<Finding> topics() throws InterruptedException {
    TopicAdmin topics = new TopicAdmin(admin, config);
    try {
      if (config.createTopics() && topics.describe().isEmpty()) {
        return List.of(
            Finding.ok("topics", "none exist yet; the worker creates them when it starts"));
      }
      int partitions = topics.verify();
      List<Finding> weaknesses =
          topics.weaknesses(idleTtl).stream()
              .map(
                  each ->
                      Finding.warn(
                          "topics", each.topic() + " has " + each.problem(), each.remedy()))
              .toList();
      return weaknesses.isEmpty()
          ? List.of(
              Finding.ok(
                  "topics", Topic.values().length + " with " + partitions + " partitions each"))
          : weaknesses;
    } catch (TopicsException e) {
      // the messages have the form "problem; what to do"
      String[] parts = e.getMessage().split("; ", 2);
      return List.of(
          Finding.fail(
              "topics",
              parts[0],
              parts.length == 2
                  ? parts[1]
                  : "check that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right"));
    }
  }

  private Finding clock() throws InterruptedException {
    Instant asked = Instant.now();
    try {
      Instant theirs = BrokerClock.time(admin);
      return ClockChecks.of("kafka-clock", "Kafka's controller", asked, Instant.now(), theirs);
    } catch (ExecutionException e) {
      return Finding.warn(
          "kafka-clock",
          "Kafka does not report its time: " + e.getCause(),
          "allow this client to describe the cluster, or compare the clocks by hand");
    }
  }

  private Finding acls() throws InterruptedException {
    try {
      return new AclComparison(config)
          .of(
              admin
                  .describeAcls(
                      AclBindingFilter.ANY, new DescribeAclsOptions().timeoutMs(FIRST_ANSWER_MS))
                  .values()
                  .get());
    } catch (ExecutionException e) {
      return switch (e.getCause()) {
        case SecurityDisabledException _ ->
            Finding.warn(
                "acls",
                "Kafka has no access control: whoever reaches it runs commands in every user's"
                    + " sandbox",
                "set authorizer.class.name on the brokers, and run what 'sandbox topics acls'"
                    + " prints");
        case ClusterAuthorizationException _ ->
            Finding.ok(
                "acls",
                "not compared, because this client has no permission Describe on the cluster");
        case null, default ->
            Finding.warn(
                "acls",
                "Kafka does not tell who is allowed what: " + e.getCause(),
                "compare what kafka-acls.sh --list prints with 'sandbox topics acls'");
      };
    }
  }
}
