/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.HdrHistogram.Histogram;

/** What new users see of a worker that keeps slots warm, and what its stop takes. */
final class WarmSlots {
  private static final String PREFIX = "warm.";
  private static final int PARTITIONS = 8;
  private static final int SLOTS = 20;
  private static final int MANY = 100;
  private static final double RATE = 2;
  private static final double SECONDS = 8;
  private static final int HOT_RATE = 50;
  private static final int RAW_CREATES = 40;

  private static final double YOUNG_SECONDS = 5;

  /** A worker is seldom a few seconds old: what all ensures run is compiled by then. */
  private static final int WARM_UP_RATE = 200;

  private static final double WARM_UP_SECONDS = 10;

  static final String CLAIMED = "claimed: ours at 2/s";
  static final String CLAIMED_YOUNG = "claimed: ours at 2/s, seconds after the worker's start";
  static final String BESIDE = "hot: ours at 50/s, burst of 100 new users";
  static final String RAW_BESIDE =
      "hot: raw API inspect at 50/s, 40 creates through it, 4 at a time";

  private static final String BURST_20 = "burst of 20";
  private static final String BURST_100 = "burst of 100";
  private static final String BURST_100_WARM = "burst of 100, as many slots";
  private static final String RAW_80 = "raw API, 80 creates";
  private static final String STOP = "stop";
  private static final String RAW_REMOVAL = "raw API, removal";

  private final Setting setting;
  private final RawEngine raw;
  private final Rounds rounds = new Rounds();

  WarmSlots(Setting setting, RawEngine raw) {
    this.setting = setting;
    this.raw = raw;
  }

  void run(Latencies into) throws Exception {
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    for (int round = 0; round < setting.rounds(); round++) {
      round(into);
      Setting.say(
          "round %d: claimed p50 %s ms, 20 new users %s ms, 100 new users %s ms",
          round,
          into.rounds().text(CLAIMED + " p50", "%.1f"),
          rounds.text(BURST_20, "%.0f"),
          rounds.text(BURST_100, "%.0f"));
    }
  }

  private void round(Latencies into) throws Exception {
    WorkerProcess worker =
        WorkerProcess.start(
            setting,
            PREFIX,
            Map.of("ZCBOT_SANDBOX_WARM", Integer.toString(SLOTS), "ZCBOT_STOP_TIMEOUT", "60s"));
    try (worker;
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS)) {
      worker.awaitParked(SLOTS);
      List<UserId> first = newUsers((int) (RATE * YOUNG_SECONDS));
      into.add(CLAIMED_YOUNG, claims(client, first));
      client.load(first, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
      worker.awaitParked(SLOTS);

      List<UserId> users = newUsers((int) (RATE * SECONDS));
      into.add(CLAIMED, claims(client, users));

      worker.awaitParked(SLOTS);
      rounds.add(BURST_20, burst(client, newUsers(SLOTS)));

      worker.awaitParked(SLOTS);
      Histogram beside = Latencies.histogram();
      Histogram burst = Latencies.histogram();
      Processors before = Processors.now(worker);
      client.ensureAll(newUsers(MANY), burst);
      client.load(users, HOT_RATE, 4, beside);
      Processors.add(BURST_100, before, Processors.now(worker), rounds);
      rounds.add(BURST_100, burst.getMaxValue() / 1e3);
      into.add(BESIDE, beside);

      int running = raw.names(setting.id()).size();
      long stop = System.nanoTime();
      worker.close();
      rounds.add(STOP, (System.nanoTime() - stop) / 1e6 / running);
    }
    aSlotForEach();
    engineAlone();
    looksAlone(into);
  }

  private void aSlotForEach() throws Exception {
    WorkerProcess worker =
        WorkerProcess.start(
            setting,
            PREFIX,
            Map.of(
                "ZCBOT_SANDBOX_WARM",
                Integer.toString(MANY),
                "ZCBOT_SANDBOX_MAX",
                Integer.toString(3 * MANY),
                "ZCBOT_STOP_TIMEOUT",
                "60s"));
    try (worker;
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS)) {
      worker.awaitParked(MANY);
      List<UserId> known = newUsers(SLOTS);
      burst(client, known);
      client.load(known, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
      worker.awaitParked(MANY);
      rounds.add(BURST_100_WARM, burst(client, newUsers(MANY)));
    }
  }

  private static Histogram claims(Client client, List<UserId> users) throws Exception {
    Histogram claimed = Latencies.histogram();
    client.load(users, RATE, users.size() / RATE, claimed);
    return claimed;
  }

  /** What a look takes beside creates where nobody else is at work: no hot ensure is faster. */
  private void looksAlone(Latencies into) throws Exception {
    String other = setting.id() + "-raw";
    List<UserId> users = newUsers(1 + RAW_CREATES);
    Path root = setting.workspaces("raw-looks", users);
    Calls.ForUser create =
        user ->
            raw.createAndStart(EndToEnd.spec(setting), user, other, root.resolve(user.toString()));
    String looked = Container.nameOf(users.getFirst());
    create.run(users.getFirst());
    Histogram looks = Latencies.histogram();
    try (ExecutorService beside = Executors.newSingleThreadExecutor()) {
      Future<?> creates =
          beside.submit(() -> Calls.inParallel(4, users.subList(1, users.size()), create));
      Calls.atRate(HOT_RATE, 4, looks, _ -> raw.inspect(looked));
      creates.get();
    }
    into.add(RAW_BESIDE, looks);
    Calls.inParallel(4, users, user -> raw.remove(Container.nameOf(user)));
  }

  /** As many creates and removals as the engine can do, however many at a time it likes best. */
  private void engineAlone() throws Exception {
    String other = setting.id() + "-raw";
    double creates = Double.MAX_VALUE;
    double removals = Double.MAX_VALUE;
    for (int threads : new int[] {2, 4, 8}) {
      List<UserId> users = newUsers(MANY - SLOTS);
      Path root = setting.workspaces("raw-" + threads, users);
      creates =
          Math.min(
              creates,
              Calls.inParallel(
                  threads,
                  users,
                  user ->
                      raw.createAndStart(
                          EndToEnd.spec(setting), user, other, root.resolve(user.toString()))));
      removals =
          Math.min(
              removals,
              Calls.inParallel(threads, users, user -> raw.remove(Container.nameOf(user))));
    }
    rounds.add(RAW_80, creates);
    rounds.add(RAW_REMOVAL, removals / (MANY - SLOTS));
  }

  private double burst(Client client, List<UserId> users) throws Exception {
    Histogram burst = Latencies.histogram();
    client.ensureAll(users, burst);
    client.awaitAnswers();
    return burst.getMaxValue() / 1e3;
  }

  private static List<UserId> newUsers(int count) {
    return Kafka.usersInEach(1, count);
  }

  void report(Latencies all, String coldOriginal, Report report) {
    Rounds latencies = all.rounds();
    report.target(
        "claimed p50 ≤ 10 ms, p99 ≤ 30 ms",
        latencies.median(CLAIMED + " p50") <= 10 && latencies.median(CLAIMED + " p99") <= 30,
        latencies.text(CLAIMED + " p50", "%.1f")
            + " and "
            + latencies.text(CLAIMED + " p99", "%.1f")
            + " ms; an echo and the engine's part of a claim take "
            + latencies.text(Floors.CLAIM_KAFKA + " p50", "%.1f")
            + " and "
            + latencies.text(Floors.CLAIM_ENGINE + " p50", "%.1f")
            + " ms (p50)");
    report.target(
        "claimed ≥ 20× faster than the original's cold one (p50)",
        latencies.ratioMedian(coldOriginal + " p50", CLAIMED + " p50") >= 20,
        latencies.ratioText(coldOriginal + " p50", CLAIMED + " p50"));
    report.target(
        SLOTS + " new users at once, " + SLOTS + " slots: all ready ≤ 250 ms",
        rounds.median(BURST_20) <= 250,
        rounds.text(BURST_20, "%.0f") + " ms");
    report.target(
        MANY + " new users at once, " + MANY + " slots: all ready ≤ 500 ms",
        rounds.median(BURST_100_WARM) <= 500,
        rounds.text(BURST_100_WARM, "%.0f") + " ms");
    report.target(
        MANY + " new users at once, " + SLOTS + " slots: ≤ 1.1× the engine's own time for the rest",
        rounds.ratioMedian(BURST_100, RAW_80) <= 1.1,
        rounds.text(BURST_100, "%.0f")
            + " ms, "
            + rounds.ratioText(BURST_100, RAW_80)
            + " of what "
            + (MANY - SLOTS)
            + " creates take through the raw API at its best, with nobody else on the machine; here "
            + Processors.text(BURST_100, rounds));
    report.target(
        "hot ensures meanwhile p99 ≤ 20 ms",
        latencies.median(BESIDE + " p99") <= 20,
        latencies.text(BESIDE + " p99", "%.1f")
            + " ms, "
            + latencies.ratioText(BESIDE + " p99", RAW_BESIDE + " p99")
            + " of what a look alone takes beside creates alone");
    report.target(
        "a stop that reaps about " + MANY + " sandboxes ≤ 1.1× the engine's best removal",
        rounds.ratioMedian(STOP, RAW_REMOVAL) <= 1.1,
        rounds.text(STOP, "%.0f")
            + " ms each, "
            + rounds.ratioText(STOP, RAW_REMOVAL)
            + " of the raw API's");
  }
}
