/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.intake.EnsureIntake;
import io.zcbot.sandbox.worker.intake.IntakeMetrics;
import io.zcbot.sandbox.worker.kafka.Origins;
import io.zcbot.sandbox.worker.lanes.Lanes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What it costs to bring a record to its effect. */
final class Dispatch implements Experiment {
  private static final int PARTITIONS = 8;
  private static final int USERS = 10_000;
  private static final int RECORDS = 300_000;
  private static final String PREFIX = "dispatch.";
  private static final String SLOW_PREFIX = "dispatch-slow.";
  private static final int SLOW_RECORDS = 60_000;

  private static final String BARE = "bare poll loop";
  private static final String BARE_DECODE = "bare poll loop that decodes";
  private static final String GUARDED = "the worker's consumer in a loop that decodes";
  private static final String OURS = "ours";
  private static final String PEER = "parallel-consumer";

  private int group;

  /** Counts to the end, and times it. */
  private static final class Meter {
    private final long expected;
    private final AtomicLong done = new AtomicLong();
    private final CountDownLatch end = new CountDownLatch(1);
    private volatile long first;
    private volatile long last;

    Meter(long expected) {
      this.expected = expected;
    }

    void begun() {
      if (first == 0) {
        first = System.nanoTime();
      }
    }

    void done(long more) {
      if (done.addAndGet(more) >= expected && end.getCount() > 0) {
        last = System.nanoTime();
        end.countDown();
      }
    }

    boolean isOver() {
      return end.getCount() == 0;
    }

    double perSecond() throws InterruptedException {
      if (!end.await(120, TimeUnit.SECONDS)) {
        throw new IllegalStateException("only " + done + " of " + expected + " after 120 s");
      }
      return expected * 1e9 / (last - first);
    }
  }

  private interface Effect {
    void run() throws InterruptedException;
  }

  @Override
  public void run(Setting setting, Report report) throws Exception {
    fill(setting.kafka(), PREFIX, RECORDS);
    fill(setting.kafka(), SLOW_PREFIX, SLOW_RECORDS);
    Rounds all = new Rounds();
    for (int round = -1; round < setting.rounds(); round++) {
      Rounds rounds = round < 0 ? new Rounds() : all;
      Kafka kafka = setting.kafka();
      rounds.add(BARE, bare(kafka.plainMember(nextGroup(PREFIX)), false));
      rounds.add(BARE_DECODE, bare(kafka.plainMember(nextGroup(PREFIX)), true));
      String id = nextGroup(PREFIX);
      rounds.add(GUARDED, bare(kafka.clients(PREFIX, id).groupConsumer(500, id), true));
      rounds.add(OURS, ours(setting.kafka(), PREFIX, RECORDS, () -> {}));
      for (int threads : List.of(16, 256)) {
        rounds.add(PEER + threads, peer(setting.kafka(), PREFIX, RECORDS, threads, () -> {}));
      }
      Effect slow = () -> Thread.sleep(2);
      rounds.add(OURS + " 2 ms", ours(setting.kafka(), SLOW_PREFIX, SLOW_RECORDS, slow));
      for (int threads : List.of(16, 256)) {
        int records = threads == 16 ? SLOW_RECORDS / 4 : SLOW_RECORDS;
        rounds.add(
            PEER + threads + " 2 ms", peer(setting.kafka(), SLOW_PREFIX, records, threads, slow));
      }
      if (round >= 0) {
        Setting.say(
            "round %d: bare %s, decode %s, ours %s, peer %s %s; 2 ms: ours %s, peer %s %s",
            round,
            rounds.text(BARE, "%.0f"),
            rounds.text(BARE_DECODE, "%.0f"),
            rounds.text(OURS, "%.0f"),
            rounds.text(PEER + 16, "%.0f"),
            rounds.text(PEER + 256, "%.0f"),
            rounds.text(OURS + " 2 ms", "%.0f"),
            rounds.text(PEER + 16 + " 2 ms", "%.0f"),
            rounds.text(PEER + 256 + " 2 ms", "%.0f"));
      }
    }
    report(all, report);
  }

  private static void report(Rounds all, Report report) {
    report.title("Dispatch");
    report.line(
        "Ensures/s from a filled topic of "
            + PARTITIONS
            + " partitions and "
            + USERS
            + " users, from the first record to the end of the last effect. The bare loop polls and"
            + " counts; the second one also decodes each record as the worker does, and the third one reads one"
            + " record at a time, as the worker's consumer must (DESIGN.md, 2). «ours» is"
            + " EnsureIntake and Lanes with the worker's defaults. parallel-consumer-core 0.5.3.3:"
            + " KEY order, asynchronous commits, the record not decoded, with its default of 16"
            + " threads and with 256.");
    report.line("");
    List<List<String>> rows = new ArrayList<>();
    for (String name : List.of(BARE, BARE_DECODE, GUARDED, OURS, PEER + 16, PEER + 256)) {
      rows.add(
          List.of(
              name.replace(PEER, PEER + ", threads: "),
              "none",
              thousands(all, name),
              all.ratioText(name, BARE),
              all.ratioText(name, BARE_DECODE)));
    }
    for (String name : List.of(OURS + " 2 ms", PEER + 16 + " 2 ms", PEER + 256 + " 2 ms")) {
      rows.add(
          List.of(
              name.replace(" 2 ms", "").replace(PEER, PEER + ", threads: "),
              "2 ms",
              thousands(all, name),
              "",
              ""));
    }
    report.table(List.of("", "effect", "thousand/s", "of bare", "of bare that decodes"), rows);
    report.target(
        "≥ 0.8× a bare poll loop", all.ratioMedian(OURS, BARE) >= 0.8, all.ratioText(OURS, BARE));
    report.line(
        "- Of a bare loop that decodes, which no consumer of events can do without: "
            + all.ratioText(OURS, BARE_DECODE));
    for (String effect : List.of("", " 2 ms")) {
      String best =
          all.median(PEER + 16 + effect) > all.median(PEER + 256 + effect)
              ? PEER + 16 + effect
              : PEER + 256 + effect;
      report.target(
          "ahead of parallel-consumer with "
              + (effect.isEmpty() ? "no effect" : "an effect of 2 ms"),
          all.ratioMedian(OURS + effect, best) > 1,
          all.ratioText(OURS + effect, best) + " its better setting");
    }
  }

  private static String thousands(Rounds all, String name) {
    return all.scaled(name, 1e-3).text(name, "%.1f");
  }

  private static void fill(Kafka kafka, String prefix, int count) throws Exception {
    kafka.createTopics(prefix, PARTITIONS);
    List<UserId> users = Kafka.users(USERS, 1);
    kafka.fill(
        prefix,
        count,
        i ->
            new Ensure(
                new java.util.UUID(i, 7).toString(),
                Kafka.any(users, i),
                Instant.now(),
                "bench",
                null));
  }

  private String nextGroup(String prefix) {
    return prefix + "group" + group++;
  }

  private static double bare(Consumer<byte[], byte[]> closed, boolean decode) throws Exception {
    Meter meter = new Meter(RECORDS);
    try (Consumer<byte[], byte[]> consumer = closed) {
      consumer.subscribe(List.of(PREFIX + "ensure"));
      while (!meter.isOver()) {
        var records = consumer.poll(Duration.ofMillis(100));
        if (records.isEmpty()) {
          continue;
        }
        meter.begun();
        if (decode) {
          for (ConsumerRecord<byte[], byte[]> record : records) {
            decode(record);
          }
        }
        meter.done(records.count());
      }
    }
    return meter.perSecond();
  }

  private static Ensure decode(ConsumerRecord<byte[], byte[]> record) throws EventFormatException {
    return Kafka.CODEC.decodeEnsure(record.key(), record.value(), Origins.of(record));
  }

  private double ours(Kafka kafka, String prefix, int count, Effect effect) throws Exception {
    String id = nextGroup(prefix);
    Meter meter = new Meter(count);
    try (Lanes lanes = new Lanes(Duration.ofSeconds(5));
        EnsureIntake intake =
            new EnsureIntake(
                LocalWorker.group(
                    kafka.clients(prefix, id), id, LocalWorker.assignment(prefix, PARTITIONS)),
                LocalWorker.settings(PARTITIONS),
                lanes::submit,
                _ -> {
                  meter.begun();
                  effect.run();
                  meter.done(1);
                },
                new NoForwarding(),
                Time.system(),
                IntakeMetrics.NONE)) {
      intake.start();
      return meter.perSecond();
    }
  }

  private double peer(Kafka kafka, String prefix, int count, int threads, Effect effect)
      throws Exception {
    String id = nextGroup(prefix);
    Meter meter = new Meter(count);
    Consumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers", kafka.servers(),
                "group.id", id,
                "auto.offset.reset", "earliest",
                "enable.auto.commit", "false",
                "max.poll.records", "500"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    var options =
        ParallelConsumerOptions.<byte[], byte[]>builder()
            .ordering(ParallelConsumerOptions.ProcessingOrder.KEY)
            .maxConcurrency(threads)
            .commitMode(ParallelConsumerOptions.CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS)
            .consumer(consumer)
            .build();
    ParallelStreamProcessor<byte[], byte[]> processor =
        ParallelStreamProcessor.createEosStreamProcessor(options);
    try {
      processor.subscribe(List.of(prefix + "ensure"));
      processor.poll(
          _ -> {
            meter.begun();
            try {
              effect.run();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
            meter.done(1);
          });
      return meter.perSecond();
    } finally {
      processor.closeDontDrainFirst(Duration.ofSeconds(30));
    }
  }
}
