/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.Replay;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.audit.log.KafkaLogSource;
import io.zcbot.sandbox.worker.audit.log.Selection;
import io.zcbot.sandbox.worker.audit.result.Summary;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;

/** How fast the topics are replayed and checked. */
final class Audits implements Experiment {
  private static final int PARTITIONS = 8;
  private static final String PREFIX = "audit.";
  private static final int USERS = 50_000;

  /** Users at work at the same time: their sessions lie across one another in the log. */
  private static final int AT_A_TIME = 1_000;

  /** Of one session: an ensure, its ready, activities, and the end. */
  private static final int STEPS = 20;

  private static final int RECORDS = USERS * STEPS;

  private static final String BARE = "bare poll loop";
  private static final String OURS = "audit";

  @Override
  public void run(Setting setting, Report report) throws Exception {
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    List<UserId> users = Kafka.users(USERS, 4);
    setting.kafka().fill(PREFIX, RECORDS, i -> event(users, i));
    Rounds all = new Rounds();
    for (int round = -1; round < setting.rounds(); round++) {
      Rounds rounds = round < 0 ? new Rounds() : all;
      rounds.add(BARE, bare(setting.kafka()));
      rounds.add(OURS, audit(setting.kafka()));
    }
    report.title("Audit");
    report.line(
        "Records/s of a replay by `sandbox audit`: "
            + RECORDS
            + " records of "
            + USERS
            + " users and as many sessions in five topics of "
            + PARTITIONS
            + " partitions, read, decoded, folded and checked.");
    report.line("");
    report.table(
        List.of("", "thousand/s", "of bare"),
        List.of(BARE, OURS).stream()
            .map(
                name ->
                    List.of(
                        name, all.scaled(name, 1e-3).text(name, "%.0f"), all.ratioText(name, BARE)))
            .toList());
    report.target(
        "≥ 200,000 events/s",
        all.median(OURS) >= 200_000,
        all.scaled(OURS, 1e-3).text(OURS, "%.0f") + " thousand/s");
  }

  private static SandboxEvent event(List<UserId> users, int i) {
    int within = i % (AT_A_TIME * STEPS);
    int number = i / (AT_A_TIME * STEPS) * AT_A_TIME + within % AT_A_TIME;
    UserId user = users.get(number);
    String ensure = new UUID(number, 1).toString();
    String container = Integer.toHexString(number);
    String name = "zcbot-sandbox-" + user;
    Instant now = Instant.now();
    return switch (within / AT_A_TIME) {
      case 0 -> new Ensure(ensure, user, now, "bench", null);
      case 1 ->
          new Ready(
              EventIds.ready(user, ensure, container),
              user,
              ensure,
              now,
              new ContainerRef(name, container, "host", "worker"),
              Ready.Outcome.CREATED,
              new Ready.Environment(
                  "unix:///var/run/docker.sock",
                  "zcbot-sandbox:latest",
                  "default",
                  "/workspace",
                  null),
              200);
      case STEPS - 1 ->
          new Reaped(
              EventIds.reaped(user, container),
              user,
              now,
              new ContainerRef(name, container, "host", "worker"),
              Reaped.Reason.REQUESTED,
              null,
              null,
              null);
      default -> new Activity(new UUID(i, 2).toString(), user, now, "bench");
    };
  }

  private static Consumer<byte[], byte[]> consumer(Kafka kafka) {
    Consumer<byte[], byte[]> consumer = kafka.clients(PREFIX, "audit").freeConsumer("audit");
    List<TopicPartition> partitions = new ArrayList<>();
    for (Topic topic : Topic.history()) {
      for (int i = 0; i < PARTITIONS; i++) {
        partitions.add(new TopicPartition(topic.named(PREFIX), i));
      }
    }
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    return consumer;
  }

  private static double bare(Kafka kafka) {
    try (Consumer<byte[], byte[]> consumer = consumer(kafka)) {
      long count = 0;
      long begin = System.nanoTime();
      while (count < RECORDS) {
        count += consumer.poll(Duration.ofMillis(200)).count();
      }
      return count * 1e9 / (System.nanoTime() - begin);
    }
  }

  private static double audit(Kafka kafka) throws Exception {
    long begin = System.nanoTime();
    try (KafkaLogSource source =
        new KafkaLogSource(consumer(kafka), PREFIX, Selection.ALL, Map.of(), Instant.now())) {
      Summary summary = new Replay(Rules.DEFAULT, _ -> {}, (_, _) -> {}).run(source);
      if (summary.recordCount() != RECORDS
          || summary.sessions().ended() != USERS
          || summary.violationCount() != 0) {
        throw new IllegalStateException(
            "the audit saw something else than was written: " + summary);
      }
    }
    return RECORDS * 1e9 / (System.nanoTime() - begin);
  }
}
