/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.HdrHistogram.Histogram;

/** Whether more workers do more. */
final class ScaleOut implements Experiment {
  private static final int PARTITIONS = 16;
  private static final int CREATES_PER_WORKER = 80;

  @Override
  public void run(Setting setting, Report report) throws Exception {
    Rounds all = new Rounds();
    for (int round = 0; round < setting.rounds(); round++) {
      for (int workers : List.of(1, 2, 4)) {
        all.add(name(workers), throughput(setting, workers, "scale" + round + workers + "."));
      }
      Setting.say("round %d: %s", round, all.ratioText(name(4), name(1)));
    }
    report.title("Scale-out");
    report.line(
        "Cold ensures, "
            + CREATES_PER_WORKER
            + " per worker published at once, "
            + PARTITIONS
            + " partitions, all workers in one JVM, each with a fake engine of its own: creates"
            + " 200 ms, 4 at a time, so 20/s at best.");
    report.line("");
    report.table(
        List.of("workers", "creates/s", "next to one"),
        List.of(1, 2, 4).stream()
            .map(
                n ->
                    List.of(
                        Integer.toString(n),
                        all.text(name(n), "%.1f"),
                        all.ratioText(name(n), name(1))))
            .toList());
    report.target(
        "≥ 3.6× at 4 workers",
        all.ratioMedian(name(4), name(1)) >= 3.6,
        all.ratioText(name(4), name(1)));
  }

  private static String name(int workers) {
    return workers + " workers";
  }

  private static double throughput(Setting setting, int count, String prefix) throws Exception {
    setting.kafka().createTopics(prefix, PARTITIONS);
    List<LocalWorker> workers = new ArrayList<>();
    try (Client client = new Client(setting.kafka(), prefix, PARTITIONS)) {
      for (int i = 0; i < count; i++) {
        workers.add(
            new LocalWorker(
                    setting.kafka(),
                    prefix,
                    prefix + "worker" + i,
                    PARTITIONS,
                    new FakeEngine(
                        prefix + "worker" + i, Duration.ofMillis(200), Duration.ofNanos(400_000)),
                    setting.workspaces(prefix))
                .start());
      }
      while (!workers.stream().allMatch(w -> w.partitionsOwned() == PARTITIONS / count)) {
        Thread.sleep(20);
      }
      List<UserId> users = Kafka.usersInEach(PARTITIONS, CREATES_PER_WORKER * count / PARTITIONS);
      Collections.shuffle(users);
      Histogram latencies = Latencies.histogram();
      long start = System.nanoTime();
      client.ensureAll(users, latencies);
      return users.size() * 1e9 / (client.awaitAnswers() - start);
    } finally {
      workers.forEach(LocalWorker::close);
    }
  }
}
