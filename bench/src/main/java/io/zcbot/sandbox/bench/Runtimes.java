/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * What a kernel of its own costs a sandbox: gVisor next to runc, on one engine that has both, in
 * turn in each round.
 */
final class Runtimes implements Experiment {
  private static final String PREFIX = "runtimes.";
  private static final int PARTITIONS = 8;
  private static final int SLOTS = 12;
  private static final int CLAIMS = 10;
  private static final double RATE = 2;
  private static final int COLD = 8;
  private static final int WARM_UP_RATE = 200;
  private static final double WARM_UP_SECONDS = 8;

  private static final String RUNC = "runc";
  static final String GVISOR = "runsc";
  static final String NEEDS = "it takes root and gVisor (Debian's package `runsc`)";
  private static final List<String> BOTH = List.of(RUNC, GVISOR);

  private static final String CLAIMED = "claimed at 2/s, ";
  private static final String CREATED = "created at 1/s, ";
  private static final String MEMORY = "memory ";

  /** What the script measures, in its order, with a unit. */
  private static final List<String> COSTS =
      List.of(
          "a system call (getppid), µs",
          "open and close a file in the workspace, µs",
          "fork, exec and wait for /bin/true, ms",
          "write and read 32 MiB in the workspace, ms",
          "a loop without system calls, ms");

  private static final String SCRIPT =
      """
      import os, subprocess, time
      def timed(action, times, unit):
          start = time.perf_counter()
          for _ in range(times): action()
          print((time.perf_counter() - start) / times * unit)
      def opened():
          os.close(os.open('file', os.O_RDWR | os.O_CREAT))
      def written():
          with open('data', 'wb') as f:
              for _ in range(32): f.write(bytes(1 << 20))
          with open('data', 'rb') as f:
              while f.read(1 << 20): pass
      timed(os.getppid, 20000, 1e6)
      timed(opened, 2000, 1e6)
      timed(lambda: subprocess.run(['/bin/true']), 30, 1e3)
      timed(written, 3, 1e3)
      timed(lambda: sum(range(1000000)), 10, 1e3)
      """;

  private final Latencies latencies = new Latencies();
  private final Rounds rounds = new Rounds();

  /** The address of one that has both; null where the script could not start it. */
  static @Nullable String engine() {
    return System.getProperty("zcbot.gvisor");
  }

  @Override
  public void run(Setting setting, Report report) throws Exception {
    String engine = engine();
    if (engine == null) {
      report.title("Runtimes");
      report.line("Not measured: " + NEEDS + ".");
      return;
    }
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    for (int round = 0; round < setting.rounds(); round++) {
      for (String runtime : BOTH) {
        warm(setting, engine, runtime);
        cold(setting, engine, runtime);
      }
      Setting.say(
          "round %d: claimed p50 runc %s ms, gVisor %s ms",
          round,
          latencies.rounds().text(CLAIMED + RUNC + " p50", "%.1f"),
          latencies.rounds().text(CLAIMED + GVISOR + " p50", "%.1f"));
    }
    report(report);
  }

  private static WorkerProcess worker(Setting setting, String engine, String runtime, int slots)
      throws Exception {
    return WorkerProcess.start(
        setting,
        PREFIX,
        Map.of(
            "DOCKER_HOST",
            engine,
            "ZCBOT_SANDBOX_RUNTIME",
            runtime,
            "ZCBOT_SANDBOX_WARM",
            Integer.toString(slots),
            "ZCBOT_STOP_TIMEOUT",
            "60s"));
  }

  private void warm(Setting setting, String engine, String runtime) throws Exception {
    Path directory =
        Objects.requireNonNull(Path.of(URI.create(engine).getPath()).getParent(), engine);
    try (WorkerProcess worker = worker(setting, engine, runtime, SLOTS);
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS);
        CommandClient commands = new CommandClient(setting.kafka(), PREFIX, PARTITIONS)) {
      worker.awaitParked(SLOTS);
      rounds.add(MEMORY + runtime, EngineMemory.mib(directory) / SLOTS);
      List<UserId> first = Kafka.usersInEach(1, CLAIMS);
      claims(client, first);
      client.load(first, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
      worker.awaitParked(SLOTS);
      latencies.add(CLAIMED + runtime, claims(client, Kafka.usersInEach(1, CLAIMS)));
      worker.awaitParked(SLOTS); // so that nothing is made meanwhile
      costs(commands, first.getFirst(), runtime);
    }
  }

  private static Histogram claims(Client client, List<UserId> users) throws Exception {
    Histogram claimed = Latencies.histogram();
    client.load(users, RATE, users.size() / RATE, claimed);
    return claimed;
  }

  private void costs(CommandClient client, UserId user, String runtime) throws Exception {
    CommandClient.Run run = client.run(user, List.of("python3", "-c", SCRIPT));
    List<String> lines =
        new String(
                Objects.requireNonNull(run.exited().stdout()).toByteArray(), StandardCharsets.UTF_8)
            .lines()
            .toList();
    for (int i = 0; i < COSTS.size(); i++) {
      rounds.add(COSTS.get(i) + runtime, Double.parseDouble(lines.get(i)));
    }
  }

  private void cold(Setting setting, String engine, String runtime) throws Exception {
    try (WorkerProcess _ = worker(setting, engine, runtime, 0);
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS)) {
      Histogram created = Latencies.histogram();
      client.load(Kafka.usersInEach(1, COLD), 1, COLD, created);
      latencies.add(CREATED + runtime, created);
    }
  }

  private void report(Report report) {
    Rounds percentiles = latencies.rounds();
    report.title("Runtimes");
    report.line(
        "runc and gVisor (`runsc --platform=systrap --network=host`, as Debian packages it), on one"
            + " engine of their own, in turn. From publish to received ready; commands by"
            + " `sandbox.exec`.");
    report.line("");
    List<List<String>> rows = new ArrayList<>();
    for (String what : List.of(CLAIMED, CREATED)) {
      rows.add(
          row(
              "ensure of a new user, " + what.substring(0, what.length() - 2) + ", p50, ms",
              percentiles,
              what + "%s p50",
              "%.1f"));
    }
    rows.add(row("memory of an idle slot, MiB", rounds, MEMORY + "%s", "%.1f"));
    COSTS.forEach(cost -> rows.add(row(cost, rounds, cost + "%s", "%.2f")));
    report.table(List.of("", "runc", "gVisor", "ratio"), rows);
    double claimed = percentiles.median(CLAIMED + GVISOR + " p50");
    report.target(
        "claimed on gVisor p50 ≤ 25 ms",
        claimed <= 25,
        percentiles.text(CLAIMED + GVISOR + " p50", "%.1f") + " ms");
  }

  private static List<String> row(String what, Rounds from, String name, String format) {
    String runc = name.formatted(RUNC);
    String gvisor = name.formatted(GVISOR);
    return List.of(
        what, from.text(runc, format), from.text(gvisor, format), from.ratioText(gvisor, runc));
  }
}
