/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.EngineStandIn;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** What a start takes, and what a worker takes that has many sandboxes and much activity. */
final class Footprint implements Experiment {
  private static final String PREFIX = "footprint.";
  private static final int PARTITIONS = 8;
  private static final int SANDBOXES = 1000;
  private static final int ACTIVITIES = 50_000;
  private static final int SECONDS = 10;
  private static final int STEPS = 500;

  private static final String NO_OPTIONS = "the JVM's defaults";
  private static final String OPTIONS = "worker/jvm.options";
  private static final String IMAGE = "the same and an AOT cache, as in the worker's image";

  private static final String WALL = " wall";
  private static final String PROCESSOR = " processor";
  private static final String RESIDENT = " resident";
  private static final String STOP = " stop";
  private static final String RESIDENT_LATER = "resident later";
  private static final String ALLOCATED = "allocated";
  private static final String COLLECTING = "collecting";
  private static final String BUSY = "busy";

  @Override
  public void run(Setting setting, Report report) throws Exception {
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    Map<String, PackagedWorker> ways = new LinkedHashMap<>();
    ways.put(NO_OPTIONS, PackagedWorker.withNoOptions(setting.root()));
    ways.put(OPTIONS, PackagedWorker.withItsOptions(setting.root()));
    ways.put(IMAGE, setting.worker());
    Rounds rounds = new Rounds();
    for (int round = 0; round < setting.rounds(); round++) {
      for (var way : ways.entrySet()) {
        start(setting, way.getKey(), way.getValue(), rounds);
      }
      atWork(setting, rounds);
      Setting.say(
          "round %d: start %s ms, %s MiB with %d sandboxes, %s MB/s allocated",
          round,
          rounds.text(IMAGE + WALL, "%.0f"),
          rounds.text(RESIDENT, "%.0f"),
          SANDBOXES,
          rounds.text(ALLOCATED, "%.0f"));
    }
    report(ways, rounds, report);
  }

  private static void start(Setting setting, String way, PackagedWorker packaged, Rounds into)
      throws Exception {
    WorkerProcess worker =
        WorkerProcess.start(setting, PREFIX, packaged, Map.of("ZCBOT_SANDBOX_WARM", "0"));
    long stop;
    try (worker) {
      into.add(way + WALL, worker.startMillis());
      into.add(way + PROCESSOR, worker.processorMillis());
      into.add(way + RESIDENT, worker.residentMib());
      stop = System.nanoTime();
    }
    into.add(way + STOP, (System.nanoTime() - stop) / 1e6);
  }

  private static void atWork(Setting setting, Rounds into) throws Exception {
    List<UserId> users = Kafka.usersInEach(PARTITIONS, SANDBOXES / PARTITIONS);
    try (EngineStandIn engine = EngineStandIn.start();
        WorkerProcess worker =
            WorkerProcess.start(
                setting,
                PREFIX,
                Map.of(
                    "DOCKER_HOST", engine.address(),
                    "ZCBOT_SANDBOX_WARM", "0",
                    "ZCBOT_SANDBOX_MAX", Integer.toString(SANDBOXES)));
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS);
        Producer<byte[], byte[]> producer =
            setting.kafka().clients(PREFIX, "activities").producer()) {
      client.ensureAll(users, Latencies.histogram());
      client.awaitAnswers();
      into.add(RESIDENT, worker.residentMib());
      activities(producer, users, 2); // what the first records compile is none of their rate
      double allocated = worker.metric("jvm_gc_memory_allocated_bytes_total");
      double pauses = worker.metric("jvm_gc_pause_seconds_sum");
      long processor = worker.processorMillis();
      activities(producer, users, SECONDS);
      into.add(
          ALLOCATED,
          (worker.metric("jvm_gc_memory_allocated_bytes_total") - allocated) / 1e6 / SECONDS);
      into.add(COLLECTING, (worker.metric("jvm_gc_pause_seconds_sum") - pauses) * 1e3 / SECONDS);
      into.add(BUSY, (worker.processorMillis() - processor) / 10.0 / SECONDS);
      into.add(RESIDENT_LATER, worker.residentMib());
    }
  }

  private static void activities(Producer<byte[], byte[]> producer, List<UserId> users, int seconds)
      throws Exception {
    int perStep = ACTIVITIES / STEPS;
    OpenLoop.run(
        STEPS,
        seconds,
        (step, _) -> {
          for (int i = 0; i < perStep; i++) {
            Activity next =
                new Activity(
                    new UUID(step, i).toString(),
                    Kafka.any(users, step * perStep + i),
                    Instant.now(),
                    "bench");
            producer.send(
                new ProducerRecord<>(
                    next.topic().named(PREFIX), Kafka.CODEC.key(next), Kafka.CODEC.encode(next)));
          }
        });
    producer.flush();
  }

  private static void report(Map<String, PackagedWorker> ways, Rounds rounds, Report report) {
    report.title("Start-up and footprint");
    report.line(
        "A start: from the process's beginning to serving, against a running broker and the real"
            + " engine, the host's firewall set included.");
    report.line("");
    report.table(
        List.of("JVM", "ms", "processor ms", "resident MiB then", "ms to stop, nothing to reap"),
        ways.keySet().stream()
            .map(
                way ->
                    List.of(
                        way,
                        rounds.text(way + WALL, "%.0f"),
                        rounds.text(way + PROCESSOR, "%.0f"),
                        rounds.text(way + RESIDENT, "%.0f"),
                        rounds.text(way + STOP, "%.0f")))
            .toList());
    report.target(
        "exec to serving ≤ 1.5 s",
        rounds.median(IMAGE + WALL) <= 1500,
        rounds.text(IMAGE + WALL, "%.0f") + " ms");
    report.target(
        "resident ≤ 200 MiB with " + SANDBOXES + " sandboxes on a stand-in engine",
        rounds.median(RESIDENT) <= 200,
        rounds.text(RESIDENT, "%.0f")
            + " MiB; after what follows, with all of its heap touched, "
            + rounds.text(RESIDENT_LATER, "%.0f")
            + " MiB");
    report.line(
        "- At "
            + ACTIVITIES
            + " activities/s: "
            + rounds.text(ALLOCATED, "%.0f")
            + " MB/s allocated, "
            + rounds.text(COLLECTING, "%.1f")
            + " ms of each second spent collecting, "
            + rounds.text(BUSY, "%.0f")
            + " % of a core busy");
  }
}
