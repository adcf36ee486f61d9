/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.intake.ActivityFollower;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.kafka.AdminOffsets;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.Origins;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.RegistryFill;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** How fast activity is read, and what a tracked user weighs. */
final class Activities implements Experiment {
  private static final int PARTITIONS = 8;
  private static final int TRACKED = 10_000;
  private static final int RECORDS = 500_000;
  private static final int MANY = 1_000_000;
  private static final String PREFIX = "activity.";

  private static final String BARE = "bare poll loop";
  private static final String BARE_DECODE = "bare poll loop that decodes";
  private static final String GUARDED = "the worker's consumer in a loop that decodes";
  private static final String OURS = "ours";

  @Override
  public void run(Setting setting, Report report) throws Exception {
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    List<UserId> users = Kafka.users(TRACKED, 2);
    setting
        .kafka()
        .fill(
            PREFIX,
            RECORDS,
            i ->
                new Activity(
                    new UUID(i, 9).toString(), Kafka.any(users, i), Instant.now(), "bench"));
    Registry registry = RegistryFill.of(users);
    Rounds all = new Rounds();
    for (int round = -1; round < setting.rounds(); round++) {
      Rounds rounds = round < 0 ? new Rounds() : all;
      KafkaClients clients = setting.kafka().clients(PREFIX, "bare");
      rounds.add(BARE, bare(clients.freeConsumer("activity"), false));
      rounds.add(BARE_DECODE, bare(clients.freeConsumer("activity"), true));
      rounds.add(GUARDED, bare(clients.freeRequestConsumer("activity"), true));
      rounds.add(OURS, ours(setting.kafka(), registry));
      if (round >= 0) {
        Setting.say(
            "round %d: bare %s, decode %s, ours %s",
            round,
            rounds.text(BARE, "%.0f"),
            rounds.text(BARE_DECODE, "%.0f"),
            rounds.text(OURS, "%.0f"));
      }
    }
    report.title("Activity");
    report.line(
        "Activities/s from a filled topic of "
            + PARTITIONS
            + " partitions, "
            + TRACKED
            + " tracked users, from the first record to the last.");
    report.line("");
    report.table(
        List.of("", "thousand/s", "of bare", "of bare that decodes"),
        List.of(BARE, BARE_DECODE, GUARDED, OURS).stream()
            .map(
                name ->
                    List.of(
                        name,
                        all.scaled(name, 1e-3).text(name, "%.0f"),
                        all.ratioText(name, BARE),
                        all.ratioText(name, BARE_DECODE)))
            .toList());
    report.target(
        "≥ 0.8× a bare poll loop", all.ratioMedian(OURS, BARE) >= 0.8, all.ratioText(OURS, BARE));
    report.target(
        "≥ 50,000 activities/s", all.median(OURS) >= 50_000, all.text(OURS, "%.0f") + "/s");
    report.line("- Of a bare loop that decodes: " + all.ratioText(OURS, BARE_DECODE));
    double bytes = bytesPerUser();
    report.target(
        "≤ 300 bytes of heap per tracked user at 1,000,000",
        bytes <= 300,
        String.format(
            "%.0f bytes (heap in use after a collection, with the registry less without%s)",
            bytes, compactHeaders() ? "; compact object headers" : ""));
  }

  private static boolean compactHeaders() {
    return ManagementFactory.getRuntimeMXBean()
        .getInputArguments()
        .contains("-XX:+UseCompactObjectHeaders");
  }

  private static double bytesPerUser() {
    List<UserId> users = Kafka.users(MANY, 3);
    long without = heapInUse();
    Registry registry = RegistryFill.of(users);
    long with = heapInUse();
    if (registry.size() != users.size()) {
      throw new IllegalStateException("not all are tracked");
    }
    // The UUIDs are shared with the list; a worker's registry has the only ones.
    return (double) (with - without) / users.size() + 32;
  }

  private static long heapInUse() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  private static double bare(Consumer<byte[], byte[]> closed, boolean decode) throws Exception {
    long count = 0;
    long first = 0;
    try (Consumer<byte[], byte[]> consumer = closed) {
      List<TopicPartition> all = new ArrayList<>();
      for (int i = 0; i < PARTITIONS; i++) {
        all.add(new TopicPartition(PREFIX + "activity", i));
      }
      consumer.assign(all);
      consumer.seekToBeginning(all);
      while (count < RECORDS) {
        var records = consumer.poll(Duration.ofMillis(200));
        if (first == 0 && !records.isEmpty()) {
          first = System.nanoTime();
        }
        if (decode) {
          for (ConsumerRecord<byte[], byte[]> record : records) {
            Kafka.CODEC.decodeActivity(record.key(), record.value(), Origins.of(record));
          }
        }
        count += records.count();
      }
      return count * 1e9 / (System.nanoTime() - first);
    }
  }

  private static double ours(Kafka kafka, Registry registry) throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    long[] seen = new long[3]; // count, first, last: of the follower's thread until the latch
    ActivityFollower.Touch touch =
        (user, at) -> {
          if (seen[0] == 0) {
            seen[1] = System.nanoTime();
          }
          registry.touch(user, at, Reaped.Use.ACTIVITY);
          if (++seen[0] == RECORDS) {
            seen[2] = System.nanoTime();
            end.countDown();
          }
        };
    try (AdminOffsets offsets = new AdminOffsets(kafka.clients(PREFIX, "ours")::admin);
        ActivityFollower follower =
            new ActivityFollower(
                () -> kafka.clients(PREFIX, "ours").freeRequestConsumer("activity"),
                offsets,
                _ -> true,
                new ActivityFollower.Settings(
                    PREFIX + "activity",
                    PARTITIONS,
                    () -> Duration.ofHours(1),
                    Duration.ofSeconds(1)),
                touch,
                new NoForwarding(),
                Time.system(),
                IntakeMetrics.NONE)) {
      follower.start();
      if (!end.await(60, TimeUnit.SECONDS)) {
        throw new IllegalStateException("only " + seen[0] + " of " + RECORDS + " after 60 s");
      }
      return RECORDS * 1e9 / (seen[2] - seen[1]);
    }
  }
}
