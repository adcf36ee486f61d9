/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** What the first ensure takes after nobody asked for a while, next to those before. */
final class Rest implements Experiment {
  private static final String PREFIX = "rest.";
  private static final int PARTITIONS = 8;
  private static final int USERS = 4;
  private static final int WARM_UP_RATE = 200;
  private static final double WARM_UP_SECONDS = 5;

  /** Slow enough that each finds everything as idle as it is between two users. */
  private static final double RATE = 1;

  private static final double SECONDS = 15;

  private static final String BEFORE = "one a second";
  private static final String FIRST = "the first after the rest";
  private static final String SECOND = "the next, a second later";

  private final Latencies all = new Latencies();

  @Override
  public void run(Setting setting, Report report) throws Exception {
    Duration rest = Duration.ofSeconds(Long.getLong("zcbot.rest", 30));
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    try (WorkerProcess worker =
            WorkerProcess.start(
                setting,
                PREFIX,
                Map.of("ZCBOT_SANDBOX_WARM", "0", "ZCBOT_SANDBOX_IDLE_TTL", "12h"));
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS)) {
      List<UserId> users = Kafka.usersInEach(1, USERS);
      client.ensureAll(users, Latencies.histogram());
      client.awaitAnswers();
      client.load(users, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
      for (int round = 0; round < setting.rounds(); round++) {
        measure(client, users, BEFORE, SECONDS);
        long processor = worker.processorMillis();
        Thread.sleep(rest); // the rest whose end is measured
        long idle = worker.processorMillis() - processor;
        measure(client, users, FIRST, 1);
        measure(client, users, SECOND, 1);
        Setting.say(
            "round %d: %s ms, after %d s of rest %s ms; the worker used %.1f ms of processor time a"
                + " second meanwhile",
            round,
            all.rounds().text(BEFORE + " p50", "%.1f"),
            rest.toSeconds(),
            all.rounds().text(FIRST + " p50", "%.1f"),
            (double) idle / rest.toSeconds());
      }
    }
    report(report, rest);
  }

  private void measure(Client client, List<UserId> users, String row, double seconds)
      throws Exception {
    Histogram into = Latencies.histogram();
    client.load(users, RATE, seconds, into);
    all.add(row, into);
  }

  private void report(Report report, Duration rest) {
    report.title("Rest");
    report.line(
        "Hot ensures through the Java client before and after "
            + rest.toSeconds()
            + " s in which nobody asked (`--rest`). Milliseconds.");
    report.line("");
    report.table(
        List.of("", "p50", "p95", "p99"),
        List.of(all.row(BEFORE), all.row(FIRST), all.row(SECOND)));
    Rounds rounds = all.rounds();
    report.target(
        "first after the rest ≤ 3× the warm one (p50)",
        rounds.ratioMedian(FIRST + " p50", BEFORE + " p50") <= 3,
        rounds.ratioText(FIRST + " p50", BEFORE + " p50"));
  }
}
