/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.HdrHistogram.Histogram;

/** Commands through Kafka, next to the engine's own exec. */
final class Commands implements Experiment {
  private static final String PREFIX = "commands.";
  private static final String ECHO_PREFIX = "commands-echo.";
  private static final int PARTITIONS = 8;
  private static final int USERS = 10;
  private static final int RATE = 50;
  static final double SECONDS = 10;

  /** What both run is compiled by then. */
  private static final int WARM_UP_RATE = 200;

  private static final double WARM_UP_SECONDS = 10;
  private static final int NEW_USERS = 20;
  private static final int SANDBOXES = 50;
  private static final int IN_FLIGHT = 1000;

  /** No command may have more. */
  private static final int OUTPUT_BYTES = 16 << 20;

  private static final int FLOODS = 4;

  static final List<String> TRUE = List.of("/bin/true");
  private static final List<String> PYTHON = List.of("python3", "-c", "print(6*7)");

  private static final int PYTHON_RATE = 10;

  /** Each second, as long as the others take their turns. */
  private static final List<String> INTERPRETERS =
      List.of(
          "bash",
          "-c",
          "for i in {1..10}; do s=${EPOCHREALTIME/./}; python3 -c 'print(6*7)' >/dev/null;"
              + " e=${EPOCHREALTIME/./}; echo $((e - s)); sleep 0.98; done");

  private static final String TEXT = "yes 'a line of text, as programs write them'";
  private static final String BINARY = "cat /dev/urandom";

  private static final String OURS = "`/bin/true` at 50/s";
  private static final String CLI = "`docker exec` of `/bin/true` at 5/s";
  private static final String OURS_PYTHON = "`python3 -c 'print(6*7)'` at 10/s";
  private static final String INTERPRETER = "the interpreter alone at 10/s, timed in the sandboxes";
  private static final String NEW_USER = "new user, warm pool: to the first output, at 2/s";
  private static final String ECHO = "Kafka alone, an echo at 50/s";

  private final Latencies latencies = new Latencies();
  private final Rounds rounds = new Rounds();
  private final GvisorCommands gvisor = new GvisorCommands();

  @Override
  public void run(Setting setting, Report report) throws Exception {
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    setting.kafka().createTopics(ECHO_PREFIX, PARTITIONS);
    gvisor.run(setting);
    for (int round = 0; round < setting.rounds(); round++) {
      latencies.add(ECHO, echo(setting.kafka()));
      round(setting);
      Setting.say(
          "round %d: /bin/true p50 %s ms, docker exec %s ms, streamed %s MB/s",
          round,
          latencies.rounds().text(OURS + " p50", "%.1f"),
          latencies.rounds().text(CLI + " p50", "%.1f"),
          rounds.text("streamed", "%.0f"));
    }
    report(report);
  }

  private static Histogram echo(Kafka kafka) throws Exception {
    try (Echo _ = new Echo(kafka, ECHO_PREFIX, PARTITIONS);
        Client client = new Client(kafka, ECHO_PREFIX, PARTITIONS)) {
      List<UserId> users = Kafka.usersInEach(1, USERS);
      client.load(users, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
      Histogram echo = Latencies.histogram();
      client.load(users, RATE, SECONDS / 2, echo);
      return echo;
    }
  }

  private void round(Setting setting) throws Exception {
    WorkerProcess worker =
        WorkerProcess.start(
            setting,
            PREFIX,
            Map.of("ZCBOT_SANDBOX_WARM", Integer.toString(NEW_USERS), "ZCBOT_STOP_TIMEOUT", "60s"));
    try (worker;
        CommandClient client = new CommandClient(setting.kafka(), PREFIX, PARTITIONS)) {
      worker.awaitParked(NEW_USERS);
      List<UserId> users = Kafka.usersInEach(1, USERS);
      for (UserId user : users) {
        client.run(user, TRUE);
      }
      atRate(client, users, TRUE, WARM_UP_RATE, WARM_UP_SECONDS);

      commands(worker, client, users);
      latencies.add(OURS_PYTHON, atRate(client, users, PYTHON, PYTHON_RATE, SECONDS));
      latencies.add(INTERPRETER, interpreter(client, users));
      stream(worker, client, users.getFirst(), TEXT, "streamed");
      stream(worker, client, users.getFirst(), BINARY, "streamed binary");

      worker.awaitParked(NEW_USERS);
      latencies.add(NEW_USER, newUsers(client));
      inFlight(worker, client);
    }
  }

  private void commands(WorkerProcess worker, CommandClient client, List<UserId> users)
      throws Exception {
    double before = Processors.now(worker).ofWorkerAndEngine();
    latencies.add(OURS, atRate(client, users, TRUE, RATE, SECONDS));
    double ours = Processors.now(worker).ofWorkerAndEngine() - before;
    rounds.add("processor ours", ours / (RATE * SECONDS));

    Histogram cli = Latencies.histogram();
    String container = Container.nameOf(users.getFirst());
    before = Processors.now(worker).ofWorkerAndEngine();
    List<String> exec = List.of("docker", "exec", container, "/bin/true");
    Calls.atRate(5, SECONDS, cli, _ -> dockerExec(exec));
    rounds.add(
        "processor exec", (Processors.now(worker).ofWorkerAndEngine() - before) / (5 * SECONDS));
    latencies.add(CLI, cli);
  }

  static void dockerExec(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).inheritIO().start();
    if (process.waitFor() != 0) {
      throw new IOException("docker exec failed");
    }
  }

  static Histogram atRate(
      CommandClient client, List<UserId> users, List<String> command, int rate, double seconds)
      throws Exception {
    List<CommandClient.Run> runs = new ArrayList<>();
    OpenLoop.run(
        rate,
        seconds,
        (i, intended) ->
            runs.add(client.start(users.get(i % users.size()), command, false, 1 << 16, intended)));
    client.awaitAll();
    Histogram ends = Latencies.histogram();
    runs.forEach(run -> ends.recordValue(Math.max(0, (long) (run.endMillis() * 1e3))));
    return ends;
  }

  /**
   * From fork to wait, by shells in the sandboxes, each in its turn and at the same rate: one after
   * the other in one sandbox, each finds its files and itself in the processor's caches.
   */
  private static Histogram interpreter(CommandClient client, List<UserId> users) throws Exception {
    List<CommandClient.Run> runs = new ArrayList<>();
    OpenLoop.run(
        PYTHON_RATE,
        (double) users.size() / PYTHON_RATE,
        (i, intended) ->
            runs.add(client.start(users.get(i), INTERPRETERS, false, 1 << 16, intended)));
    client.awaitAll();
    Histogram times = Latencies.histogram();
    for (CommandClient.Run run : runs) {
      byte[] text = Objects.requireNonNull(run.exited().stdout()).toByteArray();
      new String(text, StandardCharsets.UTF_8)
          .lines()
          .mapToLong(Long::parseLong)
          .forEach(times::recordValue);
    }
    return times;
  }

  private void stream(
      WorkerProcess worker, CommandClient client, UserId user, String source, String name)
      throws Exception {
    List<String> flood = List.of("bash", "-c", source + " | head -c " + OUTPUT_BYTES);
    long resident = worker.residentMib();
    double seconds = 0;
    for (int i = 0; i < FLOODS; i++) {
      CommandClient.Run run = client.start(user, flood, true, OUTPUT_BYTES, System.nanoTime());
      client.awaitAll();
      if (run.bytes() != OUTPUT_BYTES) {
        throw new IllegalStateException(run.bytes() + " bytes of output arrived");
      }
      seconds += run.endMillis() / 1e3;
    }
    rounds.add(name, FLOODS * OUTPUT_BYTES / 1e6 / seconds);
    rounds.add(name + " memory", worker.residentMib() - resident);
  }

  private static Histogram newUsers(CommandClient client) throws Exception {
    List<UserId> users = Kafka.usersInEach(1, NEW_USERS);
    List<CommandClient.Run> runs = new ArrayList<>();
    OpenLoop.run(
        2,
        NEW_USERS / 2.0,
        (i, intended) ->
            runs.add(client.start(users.get(i), List.of("echo", "42"), true, 1 << 16, intended)));
    client.awaitAll();
    Histogram first = Latencies.histogram();
    runs.forEach(run -> first.recordValue(Math.max(0, (long) (run.firstOutputMillis() * 1e3))));
    return first;
  }

  private void inFlight(WorkerProcess worker, CommandClient client) throws Exception {
    List<UserId> users = Kafka.usersInEach(1, SANDBOXES);
    for (UserId user : users) {
      client.start(user, TRUE, false, 1 << 16, System.nanoTime());
    }
    client.awaitAll();
    long start = System.nanoTime();
    for (int i = 0; i < IN_FLIGHT; i++) {
      client.start(
          users.get(i % users.size()), List.of("sleep", "0.5"), false, 1 << 16, System.nanoTime());
    }
    client.awaitAll();
    rounds.add("in flight", (System.nanoTime() - start) / 1e9);
    rounds.add("in flight memory", worker.residentMib());
  }

  private void report(Report report) {
    report.title("Commands");
    report.line(
        "From publishing an exec to receiving its end (or, where said, its first output), with a"
            + " worker in a process of its own and default settings. Open loop, milliseconds.");
    report.line("");
    report.table(
        List.of("", "p50", "p95", "p99"),
        Stream.concat(
                Stream.of(OURS, ECHO, CLI, OURS_PYTHON, INTERPRETER, NEW_USER).map(latencies::row),
                gvisor.rows().stream())
            .toList());
    Rounds figures = latencies.rounds();
    report.target(
        "`/bin/true` p50 ≤ 5 ms, p99 ≤ 20 ms",
        figures.median(OURS + " p50") <= 5 && figures.median(OURS + " p99") <= 20,
        figures.text(OURS + " p50", "%.1f")
            + " and "
            + figures.text(OURS + " p99", "%.1f")
            + " ms");
    report.target(
        "≥ 12× faster than `docker exec` (p50)",
        figures.ratioMedian(CLI + " p50", OURS + " p50") >= 12,
        figures.ratioText(CLI + " p50", OURS + " p50"));
    report.target(
        "Python ≤ the interpreter's own time + 5 ms (p50)",
        figures.over(OURS_PYTHON + " p50", INTERPRETER + " p50", 1, 5).median("over") <= 0,
        figures.over(OURS_PYTHON + " p50", INTERPRETER + " p50", 1, 0).text("over", "%.1f")
            + " ms over it");
    report.target(
        "new user with a warm pool: first output p50 ≤ 20 ms",
        figures.median(NEW_USER + " p50") <= 20,
        figures.text(NEW_USER + " p50", "%.1f") + " ms");
    report.target(
        "processor time of worker, engine and sandbox per command ≤ 1/10 of an exec's",
        rounds.ratioMedian("processor ours", "processor exec") <= 0.1,
        String.format(
            Locale.ROOT,
            "%s and %s ms",
            rounds.text("processor ours", "%.1f"),
            rounds.text("processor exec", "%.1f")));
    report.target(
        "64 MiB of output, streamed by four commands, ≥ 50 MB/s, the worker's memory flat",
        rounds.median("streamed") >= 50 && rounds.median("streamed memory") <= 8,
        rounds.text("streamed", "%.0f")
            + " MB/s; "
            + rounds.text("streamed memory", "%.0f")
            + " MiB more; what is no text: "
            + rounds.text("streamed binary", "%.0f")
            + " MB/s");
    report.target(
        IN_FLIGHT + " commands in flight on " + SANDBOXES + " sandboxes: worker ≤ 200 MiB",
        rounds.median("in flight memory") <= 200,
        rounds.text("in flight memory", "%.0f")
            + " MiB; all answered after "
            + rounds.text("in flight", "%.1f")
            + " s (`sleep 0.5`, 8 at a time in each sandbox)");
    gvisor.report(report);
  }
}
