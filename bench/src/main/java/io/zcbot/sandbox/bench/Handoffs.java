/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.FreePort;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Counts context switches, which hold on every machine, while what they cost differs: on some
 * virtual machines, a core that sleeps takes 50 µs to wake. What a worker does by itself is counted
 * first, and left out of what a command, an ensure and a claim take.
 */
final class Handoffs implements Experiment {
  private static final String PREFIX = "handoffs.";
  private static final int PARTITIONS = 8;
  private static final int USERS = 10;
  private static final int SLOTS = 20;
  private static final int RATE = 50;
  private static final int CLAIM_RATE = 2;
  private static final double SECONDS = 10;

  /** What is counted is compiled by then. */
  private static final int WARM_UP_RATE = 200;

  private static final double WARM_UP_SECONDS = 10;

  /** A worker has its periodic tasks' turns in this time, and a garbage collection or none. */
  private static final int IDLE_SECONDS = 30;

  private static final String COMMAND = "command";
  private static final String HOT = "hot ensure";
  private static final String CLAIM = "claim";
  private static final String IDLE = "idle second";
  private static final String IDLE_ALL = "idle second of `bin/run`";
  private static final List<String> COLUMNS = List.of(COMMAND, HOT, CLAIM, IDLE, IDLE_ALL);
  private static final String ALL = "all";

  private final Rounds rounds = new Rounds();

  @Override
  public void run(Setting setting, Report report) throws Exception {
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    for (int round = 0; round < setting.rounds(); round++) {
      worker(setting);
      standalone(setting);
      Setting.say(
          "round %d: a command %s switches, an idle second %s, of bin/run %s",
          round,
          rounds.text(name(ALL, COMMAND), "%.0f"),
          rounds.text(name(ContextSwitches.WORKER, IDLE), "%.0f"),
          rounds.text(name(ContextSwitches.WORKER, IDLE_ALL), "%.0f"));
    }
    report(report);
  }

  private void worker(Setting setting) throws Exception {
    WorkerProcess worker =
        WorkerProcess.start(
            setting, PREFIX, Map.of("ZCBOT_SANDBOX_WARM", "" + SLOTS, "ZCBOT_STOP_TIMEOUT", "60s"));
    try (worker;
        Client client = new Client(setting.kafka(), PREFIX, PARTITIONS);
        CommandClient commands = new CommandClient(setting.kafka(), PREFIX, PARTITIONS)) {
      worker.awaitParked(SLOTS);
      List<UserId> users = Kafka.usersInEach(1, USERS);
      for (UserId user : users) {
        commands.run(user, Commands.TRUE);
      }
      Commands.atRate(commands, users, Commands.TRUE, WARM_UP_RATE, WARM_UP_SECONDS);
      client.load(users, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
      worker.awaitParked(SLOTS);

      Map<String, Double> idle = idle(worker, IDLE);
      count(
          worker,
          COMMAND,
          RATE * SECONDS,
          idle,
          () -> Commands.atRate(commands, users, Commands.TRUE, RATE, SECONDS));
      count(
          worker,
          HOT,
          RATE * SECONDS,
          idle,
          () -> client.load(users, RATE, SECONDS, Latencies.histogram()));
      List<UserId> newUsers = Kafka.usersInEach(1, (int) (CLAIM_RATE * SECONDS));
      count(
          worker,
          CLAIM,
          newUsers.size(),
          idle,
          () -> client.load(newUsers, CLAIM_RATE, SECONDS, Latencies.histogram()));
    }
  }

  /** One process with a broker, which nobody uses. */
  private void standalone(Setting setting) throws Exception {
    Kafka kafka = new Kafka("127.0.0.1:" + FreePort.next());
    WorkerProcess worker = WorkerProcess.standalone(setting, kafka, PREFIX, Map.of());
    try (worker) {
      idle(worker, IDLE_ALL);
    }
  }

  private Map<String, Double> idle(WorkerProcess worker, String column) throws Exception {
    TimeUnit.SECONDS.sleep(IDLE_SECONDS / 3); // what the last load left behind
    long before = worker.processorMillis();
    Map<String, Double> idle =
        count(worker, column, IDLE_SECONDS, Map.of(), () -> TimeUnit.SECONDS.sleep(IDLE_SECONDS));
    rounds.add("processor " + column, (worker.processorMillis() - before) / 10.0 / IDLE_SECONDS);
    return idle;
  }

  private interface Load {
    void run() throws Exception;
  }

  /** Counts what one of so many takes, in each process, without what they do when idle. */
  private Map<String, Double> count(
      WorkerProcess worker, String column, double many, Map<String, Double> idle, Load load)
      throws Exception {
    ContextSwitches before = ContextSwitches.now(worker);
    long began = System.nanoTime();
    load.run();
    double seconds = (System.nanoTime() - began) / 1e9;
    Map<String, Double> each = ContextSwitches.now(worker).since(before);
    each.replaceAll((name, total) -> (total - idle.getOrDefault(name, 0.0) * seconds) / many);
    each.forEach((name, count) -> rounds.add(name(name, column), count));
    rounds.add(name(ALL, column), each.values().stream().mapToDouble(Double::doubleValue).sum());
    return each;
  }

  private static String name(String process, String column) {
    return process + " " + column;
  }

  private void report(Report report) {
    report.title("Hand-offs");
    report.line(
        "Context switches of all threads, voluntary or not, without those of the measuring client"
            + " and of the programs that commands run: /bin/true at 50/s, hot ensures at 50/s, claims"
            + " at 2/s. A thread that ended meanwhile is not counted.");
    report.line("");
    List<List<String>> rows = new ArrayList<>();
    List<String> processes = new ArrayList<>(ContextSwitches.PROCESSES);
    processes.add(ALL);
    for (String process : processes) {
      List<String> row = new ArrayList<>(List.of(process));
      COLUMNS.forEach(column -> row.add(rounds.text(name(process, column), "%.1f")));
      rows.add(row);
    }
    List<String> head = new ArrayList<>(List.of(""));
    head.addAll(COLUMNS);
    report.table(head, rows);
    report.target(
        "≤ 60 switches a command",
        rounds.median(name(ALL, COMMAND)) <= 60,
        rounds.text(name(ALL, COMMAND), "%.0f"));
    idleTarget(report, "`bin/run`", IDLE_ALL, 200);
    idleTarget(report, "a worker", IDLE, 60);
  }

  private void idleTarget(Report report, String what, String column, int most) {
    String processor = "processor " + column;
    String own = name(ContextSwitches.WORKER, column);
    report.target(
        "%s that has nothing to do: ≤ %d switches a second, ≤ 1.5 %% of a core"
            .formatted(what, most),
        rounds.median(own) <= most && rounds.median(processor) <= 1.5,
        String.format(
            Locale.ROOT, "%s, %s %%", rounds.text(own, "%.0f"), rounds.text(processor, "%.1f")));
  }
}
