/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.HdrHistogram.Histogram;

/** What a client of the real thing sees, next to what the engine takes by itself. */
final class EndToEnd implements Experiment {
  private static final int PARTITIONS = 8;
  private static final String PREFIX = "e2e.";
  private static final int HOT_USERS = 20;
  private static final int HOT_RATE = 200;
  private static final double HOT_SECONDS = 4;
  private static final double COLD_RATE = 2;
  private static final double COLD_SECONDS = 8;
  private static final int BURST = 50;

  /** Broker and client have to be warm as well: a worker is seldom the first to use them. */
  private static final int WARM_UP_ROUNDS = 5;

  private static final String HOT = "hot: ours at 200/s";
  private static final String HOT_BURST = "hot: ours at 200/s, 50 creates in flight";
  private static final String HOT_ORIGINAL = "hot: original (docker inspect) at 5/s";
  private static final String COLD = "cold: ours at 2/s";
  private static final String COLD_RAW = "cold: raw API create + start at 2/s";
  private static final String COLD_ADAPTER = "cold: our engine adapter alone, to ready, at 2/s";
  private static final String COLD_ORIGINAL = "cold: original (docker inspect, docker run) at 2/s";

  private static final String PROCESSOR = "processor";

  private interface Create {
    void run(UserId user, Path workspace) throws Exception;
  }

  @Override
  public void run(Setting setting, Report report) throws Exception {
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    Latencies all = new Latencies();
    double resident;
    try (RawEngine raw = new RawEngine();
        DockerEngine adapter =
            DockerEngine.at(
                null,
                setting.id() + "-raw",
                new DockerEngineSettings(
                    Duration.ofSeconds(30),
                    Duration.ofSeconds(15),
                    Duration.ofMinutes(2),
                    Duration.ofSeconds(30),
                    32),
                SandboxMetrics.NONE)) {
      try (WorkerProcess worker = worker(setting);
          Client client = new Client(setting.kafka(), PREFIX, PARTITIONS)) {
        List<UserId> hot = hotUsers(client);
        for (int i = 0; i < WARM_UP_ROUNDS; i++) {
          client.load(hot, HOT_RATE, HOT_SECONDS, Latencies.histogram());
        }
        resident = worker.residentMib();
        for (int round = 0; round < setting.rounds(); round++) {
          round(setting, worker, client, hot, raw, adapter, all);
          Setting.say(
              "round %d: hot p50 %s p99 %s ms, cold p50 %s ms, raw %s ms",
              round,
              all.rounds().text(HOT + " p50", "%.1f"),
              all.rounds().text(HOT + " p99", "%.1f"),
              all.rounds().text(COLD + " p50", "%.1f"),
              all.rounds().text(COLD_RAW + " p50", "%.1f"));
        }
      }
      Floors floors = new Floors(setting, raw);
      for (int round = 0; round < setting.rounds(); round++) {
        floors.round(all);
      }
      WarmSlots warm = new WarmSlots(setting, raw);
      warm.run(all);
      report(all, resident, report);
      warm.report(all, COLD_ORIGINAL, report);
      Files.writeString(
          setting.chart(),
          new Chart("From ensure to ready: median, and the 99th percentile as a mark")
              .bar("original, cold", all, COLD_ORIGINAL, false)
              .bar("raw Docker API, create and start", all, COLD_RAW, false)
              .bar("ours, cold", all, COLD, true)
              .bar("original, hot", all, HOT_ORIGINAL, false)
              .bar("ours, claimed from a warm slot", all, WarmSlots.CLAIMED, true)
              .bar("ours, hot", all, HOT, true)
              .svg());
    }
  }

  private static void report(Latencies all, double resident, Report report) {
    report.title("End to end");
    report.line(
        "A worker in a process of its own with default settings, loopback Kafka, the real engine"
            + " and image. Ours: from publish to received ready. The others: from call to return,"
            + " without Kafka; the raw API with the adapter's own create request, without the seal"
            + " of the network and not waiting for init's firewall, which ours does; the original as subprocesses of the docker CLI."
            + " Open loop. At 2/s a round is 16 ensures (10 of a worker just started, and in what Kafka"
            + " and the engine take alone), so that their p95 and p99 are the slowest one. Broker, client and, where nothing else is said, the worker have served 200"
            + " ensures a second for 10 s or more before. Milliseconds; median of the rounds' percentiles [range].");
    report.line("");
    report.table(
        List.of("", "p50", "p95", "p99"),
        List.of(
                HOT,
                Floors.HOT_KAFKA,
                HOT_ORIGINAL,
                HOT_BURST,
                WarmSlots.BESIDE,
                WarmSlots.RAW_BESIDE,
                WarmSlots.CLAIMED,
                WarmSlots.CLAIMED_YOUNG,
                Floors.CLAIM_KAFKA,
                Floors.CLAIM_ENGINE,
                COLD,
                COLD_RAW,
                COLD_ADAPTER,
                COLD_ORIGINAL)
            .stream()
            .map(all::row)
            .toList());
    Rounds rounds = all.rounds();
    report.target(
        "hot p50 ≤ 3 ms, p99 ≤ 10 ms",
        rounds.median(HOT + " p50") <= 3 && rounds.median(HOT + " p99") <= 10,
        rounds.text(HOT + " p50", "%.1f")
            + " and "
            + rounds.text(HOT + " p99", "%.1f")
            + " ms; an echo takes "
            + rounds.text(Floors.HOT_KAFKA + " p50", "%.1f")
            + " and "
            + rounds.text(Floors.HOT_KAFKA + " p99", "%.1f")
            + " ms");
    report.target(
        "hot ≥ 5× faster than the original's (p50)",
        rounds.ratioMedian(HOT_ORIGINAL + " p50", HOT + " p50") >= 5,
        rounds.ratioText(HOT_ORIGINAL + " p50", HOT + " p50"));
    Rounds overRaw = rounds.over(COLD + " p50", COLD_RAW + " p50", 1.05, 5);
    report.target(
        "cold p50 ≤ 1.05× raw API + 5 ms",
        overRaw.median("over") <= 0,
        overRaw.text("over", "%+.1f")
            + " ms over that, "
            + rounds.ratioText(COLD + " p50", COLD_RAW + " p50")
            + " the raw API, "
            + rounds.ratioText(COLD + " p50", COLD_ADAPTER + " p50")
            + " our engine adapter, which waits for the firewall");
    report.line(
        "- Next to the original, cold (p50): "
            + rounds.ratioText(COLD_ORIGINAL + " p50", COLD + " p50")
            + " faster");
    report.line(
        "- Hot with "
            + BURST
            + " real creates in flight next to without (p99): "
            + rounds.ratioText(HOT_BURST + " p99", HOT + " p99")
            + "; the creates take the machine's cores, which look-ups need too");
    report.line(
        "- Worker's processor time per hot ensure, everything included: "
            + rounds.text(PROCESSOR, "%.2f")
            + " ms; at 200/s "
            + Processors.text(HOT, rounds));
    report.line(
        "- Worker's resident memory with "
            + HOT_USERS
            + " sandboxes: "
            + String.format("%.0f", resident)
            + " MiB");
  }

  private static void round(
      Setting setting,
      WorkerProcess worker,
      Client client,
      List<UserId> hotUsers,
      RawEngine raw,
      DockerEngine adapter,
      Latencies into)
      throws Exception {
    String other = setting.id() + "-raw";
    SandboxSpec spec = spec(setting);
    SandboxEngine sandboxes = adapter.sandboxes(spec);
    Set<String> hotNames =
        hotUsers.stream().map(Container::nameOf).collect(Collectors.toCollection(HashSet::new));

    Histogram hot = Latencies.histogram();
    Processors before = Processors.now(worker);
    client.load(hotUsers, HOT_RATE, HOT_SECONDS, hot);
    Processors after = Processors.now(worker);
    Processors.add(HOT, before, after, into.rounds());
    into.rounds().add(PROCESSOR, (after.worker() - before.worker()) / hot.getTotalCount());
    into.add(HOT, hot);
    Histogram inspect = Latencies.histogram();
    Calls.atRate(
        5,
        HOT_SECONDS,
        inspect,
        i -> Original.inspect(Container.nameOf(hotUsers.get(i % HOT_USERS))));
    into.add(HOT_ORIGINAL, inspect);

    Histogram cold = Latencies.histogram();
    List<UserId> users = newUsers((int) (COLD_RATE * COLD_SECONDS));
    client.load(users, COLD_RATE, COLD_SECONDS, cold);
    into.add(COLD, cold);
    clear(raw, setting.id(), hotNames);

    into.add(
        COLD_RAW,
        creates(setting, (user, workspace) -> raw.createAndStart(spec, user, other, workspace)));
    clear(raw, other, Set.of());
    into.add(
        COLD_ADAPTER,
        creates(setting, (user, workspace) -> sandboxes.start(sandboxes.create(user, workspace))));
    clear(raw, other, Set.of());
    into.add(
        COLD_ORIGINAL,
        creates(setting, (user, workspace) -> Original.ensure(setting, other, user, workspace)));
    clear(raw, other, Set.of());

    Histogram beside = Latencies.histogram();
    client.ensureAll(newUsers(BURST), Latencies.histogram());
    client.load(hotUsers, HOT_RATE, HOT_SECONDS, beside);
    into.add(HOT_BURST, beside);
    clear(raw, setting.id(), hotNames);
  }

  /** Warm slots are measured apart: here every new user's sandbox is created. */
  private static WorkerProcess worker(Setting setting) throws Exception {
    return WorkerProcess.start(setting, PREFIX, Map.of("ZCBOT_SANDBOX_WARM", "0"));
  }

  /** The worker's defaults. */
  static SandboxSpec spec(Setting setting) {
    return new SandboxSpec(
        "zcbot-sandbox:latest",
        null,
        new ResourceLimits(2L << 30, 1.0, 256, 512L << 20, null, null),
        setting.network(),
        NetworkPolicy.DEFAULT);
  }

  private static List<UserId> newUsers(int count) {
    return Kafka.usersInEach(1, count);
  }

  private static List<UserId> hotUsers(Client client) throws InterruptedException {
    List<UserId> users = newUsers(HOT_USERS);
    client.ensureAll(users, Latencies.histogram());
    client.awaitAnswers();
    return users;
  }

  private static Histogram creates(Setting setting, Create create) throws Exception {
    List<UserId> users = newUsers((int) (COLD_RATE * COLD_SECONDS));
    Path root = setting.workspaces("raw", users);
    Histogram into = Latencies.histogram();
    Calls.atRate(
        COLD_RATE,
        COLD_SECONDS,
        into,
        i -> create.run(users.get(i), root.resolve(users.get(i).toString())));
    return into;
  }

  /** Removes what a measurement made, and lets the worker and the machine come to rest. */
  static void clear(RawEngine engine, String worker, Set<String> but) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (String name : engine.names(worker)) {
        if (!but.contains(name)) {
          threads.submit(() -> engine.remove(name));
        }
      }
    }
    Thread.sleep(2000);
  }
}
