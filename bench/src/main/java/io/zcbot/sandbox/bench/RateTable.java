/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/** What the measurements at different rates come to. */
final class RateTable {
  static final String JAVA = "Java";
  static final String PYTHON = "Python (librdkafka)";

  static final String HOT = " hot";
  static final String ECHO = " echo";
  static final String LOOK = " look";
  static final String NEW = " new";
  static final String RENAME = " rename";

  private static final String FLOOR = " floor";
  private static final String NEW_FLOOR = " floor of new";
  private static final String BUSY = " busy before";
  private static final String PAUSE = " pause";
  private static final String FULL = " full collections";
  private static final String ALLOCATED = " allocated";

  /** Of the processors, while the bench did nothing, or taken by other guests: a noisy run. */
  private static final double NOISY_PERCENT = 10;

  private static final double NOISY_STEAL_PERCENT = 2;

  private final Latencies all = new Latencies();
  private final List<String> rows = new ArrayList<>();

  static String row(String deployment, String client, int rate) {
    return deployment + ", " + client + ", " + rate + "/s";
  }

  private Rounds rounds() {
    return all.rounds();
  }

  void add(String name, Histogram latencies) {
    all.add(name, latencies);
  }

  void noise(String row, double busy) {
    if (!rows.contains(row)) {
      rows.add(row);
    }
    rounds().add(row + BUSY, busy);
  }

  void processors(String row, Processors before, Processors after) {
    Processors.add(row, before, after, rounds());
  }

  /**
   * What a deployment's JVM collected.
   *
   * @param ensures 0 if it is not told how much each of them allocated
   */
  void collections(String deployment, long ensures, GarbageCollections before, WorkerProcess worker)
      throws Exception {
    GarbageCollections after = GarbageCollections.of(worker);
    rounds().add(deployment + PAUSE, GarbageCollections.longestPause(worker));
    rounds().add(deployment + FULL, after.full() - before.full());
    if (ensures > 0) {
      double looks = 2 * after.look(); // the two that are between the instants
      rounds()
          .add(deployment + ALLOCATED, (after.bytes() - before.bytes() - looks) / 1024 / ensures);
    }
  }

  /** The last round of a row, for whoever watches. */
  String said(String row) {
    return String.format(
        Locale.ROOT,
        "%s: hot p50 %.1f p99 %.1f, two echoes and a look p50 %.1f p99 %.1f, new p50 %.1f ms",
        row,
        rounds().last(row + HOT + " p50"),
        rounds().last(row + HOT + " p99"),
        floor(row, " p50").last("floor"),
        floor(row, " p99").last("floor"),
        rounds().last(row + NEW + " p50"));
  }

  /** Two echoes and one look, each round. */
  private Rounds floor(String row, String percentile) {
    return rounds().sum("floor", row + ECHO + percentile, 2, row + LOOK + percentile, 1);
  }

  private void floors() {
    for (String row : rows) {
      for (String percentile : List.of(" p50", " p99")) {
        Rounds floor = floor(row, percentile);
        floor.each("floor", millis -> rounds().add(row + FLOOR + percentile, millis));
      }
      String rename = row.substring(0, row.indexOf(',')) + RENAME + " p50";
      rounds()
          .sum("floor", row + FLOOR + " p50", 1, rename, 1)
          .each("floor", millis -> rounds().add(row + NEW_FLOOR, millis));
    }
  }

  void report(Report report) {
    floors();
    report.title("Rates");
    report.line(
        "Ensures through the client libraries in `clients/`, open loop: from when each was to begin"
            + " until its caller has the answer. *Floor*: twice an echo through the same broker and"
            + " client at the same rate, and one look at a container through the engine's API."
            + " *New*: as many new users as there are warm slots. Seconds of each rate: "
            + String.join(
                ", ", Rates.RATES.stream().map(r -> r + "/s " + Rates.SECONDS.get(r)).toList())
            + ", so that at 1/s the p99 is the slowest. Milliseconds; median of the rounds'"
            + " percentiles [range]. *Processors*: percent for the worker (with its broker in"
            + " `bin/run`), for clients and broker, for the engine and the rest, for nobody; stolen"
            + " by other guests of the host; busy before each row, when the bench asked for nothing.");
    report.line("");
    List<List<String>> lines = rows.stream().map(this::line).toList();
    report.table(
        List.of(
            "",
            "hot p50",
            "hot p99",
            "floor p50",
            "floor p99",
            "p50 of floor",
            "p99 of floor",
            "new p50",
            "new p99",
            "processors",
            "stolen",
            "busy before"),
        lines);
    noise(report);
    for (String deployment : Rates.DEPLOYMENTS) {
      targets(report, deployment);
    }
  }

  private List<String> line(String row) {
    return List.of(
        row,
        rounds().text(row + HOT + " p50", "%.1f"),
        rounds().text(row + HOT + " p99", "%.1f"),
        rounds().text(row + FLOOR + " p50", "%.1f"),
        rounds().text(row + FLOOR + " p99", "%.1f"),
        rounds().ratioText(row + HOT + " p50", row + FLOOR + " p50"),
        rounds().ratioText(row + HOT + " p99", row + FLOOR + " p99"),
        rounds().text(row + NEW + " p50", "%.1f"),
        rounds().text(row + NEW + " p99", "%.1f"),
        String.format(
            Locale.ROOT,
            "%.0f / %.0f / %.0f / %.0f",
            rounds().median(row + " worker"),
            rounds().median(row + " clients"),
            rounds().median(row + " engine"),
            rounds().median(row + " idle")),
        rounds().text(row + " stolen", "%.1f"),
        rounds().text(row + BUSY, "%.0f"));
  }

  private void noise(Report report) {
    double busy = rows.stream().mapToDouble(row -> rounds().most(row + BUSY)).max().orElse(0);
    double stolen =
        rows.stream().mapToDouble(row -> rounds().most(row + " stolen")).max().orElse(0);
    boolean noisy = busy > NOISY_PERCENT || stolen > NOISY_STEAL_PERCENT;
    report.line(
        String.format(
            Locale.ROOT,
            "- %s: other programs had up to %.0f %% of the processors before a row, other guests of"
                + " the host up to %.1f %% during one",
            noisy ? "**A noisy run, whose tails say little**" : "A quiet run",
            busy,
            stolen));
  }

  private void targets(Report report, String deployment) {
    List<String> of = rows.stream().filter(row -> row.startsWith(deployment + ",")).toList();
    worst(report, deployment, of, " p50", 1.5);
    worst(report, deployment, of, " p99", 2.5);
    String slowest =
        of.stream()
            .max(Comparator.comparingDouble(row -> overNewFloor(row).median("over")))
            .orElseThrow();
    report.target(
        deployment + ": new users' p50 ≤ the floor, the engine's rename and 3 ms",
        overNewFloor(slowest).median("over") <= 0,
        overNewFloor(slowest).text("over", "%+.1f") + " ms over that at worst (" + slowest + ")");
    boolean withBroker = deployment.equals(Rates.STANDALONE);
    double limit = withBroker ? 15 : 5;
    report.target(
        String.format(Locale.ROOT, "%s: no collection over %.0f ms", deployment, limit),
        rounds().most(deployment + PAUSE) <= limit,
        String.format(Locale.ROOT, "%.1f ms at most", rounds().most(deployment + PAUSE)));
    report.target(
        deployment + ": no full collection",
        rounds().most(deployment + FULL) == 0,
        String.format(Locale.ROOT, "%.0f in one row at most", rounds().most(deployment + FULL)));
    if (!withBroker) {
      report.target(
          deployment + ": ≤ 40 KiB allocated for each hot ensure at 200/s, all threads included",
          rounds().median(deployment + ALLOCATED) <= 40,
          rounds().text(deployment + ALLOCATED, "%.0f") + " KiB");
    } else {
      report.line(
          "- "
              + deployment
              + ": allocated for each hot ensure at 200/s, broker included: "
              + rounds().text(deployment + ALLOCATED, "%.0f")
              + " KiB");
    }
  }

  private Rounds overNewFloor(String row) {
    return rounds().over(row + NEW + " p50", row + NEW_FLOOR, 1, 3);
  }

  private void worst(
      Report report, String deployment, List<String> of, String percentile, double target) {
    String worst =
        of.stream()
            .max(
                Comparator.comparingDouble(
                    row -> rounds().ratioMedian(row + HOT + percentile, row + FLOOR + percentile)))
            .orElseThrow();
    report.target(
        deployment + ": hot" + percentile + " ≤ " + target + "× the floor at every rate",
        rounds().ratioMedian(worst + HOT + percentile, worst + FLOOR + percentile) <= target,
        rounds().ratioText(worst + HOT + percentile, worst + FLOOR + percentile)
            + " at worst ("
            + worst
            + ")");
  }
}
