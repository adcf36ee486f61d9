/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.FreePort;
import io.zcbot.sandbox.worker.engine.Container;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.HdrHistogram.Histogram;

/**
 * What agent services see at rates from one ensure a second on, with each client library, next to
 * what Kafka and the engine take for the same by themselves, at the same rate and a moment later.
 */
final class Rates implements Experiment {
  private static final String PREFIX = "rates.";
  private static final String ECHO_PREFIX = "rates-echo.";
  private static final int PARTITIONS = 8;
  private static final int HOT_USERS = 20;
  private static final int SLOTS = 12;
  private static final int WARM_UP_RATE = 200;
  private static final double WARM_UP_SECONDS = 5;
  private static final int OFTEN = 200;

  static final String PROCESS = "worker process";
  static final String CONTAINER = "the worker's image";
  static final String STANDALONE = "`bin/run`";
  static final List<String> DEPLOYMENTS = List.of(PROCESS, CONTAINER, STANDALONE);

  /** By rate, for how many seconds: fewer ensures tell less, and nobody waits for ever. */
  static final Map<Integer, Double> SECONDS = Map.of(1, 12.0, 10, 8.0, 50, 5.0, OFTEN, 4.0);

  static final List<Integer> RATES = SECONDS.keySet().stream().sorted().toList();

  private static final Map<String, String> SETTINGS =
      Map.of("ZCBOT_SANDBOX_WARM", Integer.toString(SLOTS));

  private record Deployment(String name, Kafka kafka, WorkerProcess worker) {}

  private final RateTable table = new RateTable();

  @Override
  public void run(Setting setting, Report report) throws Exception {
    long began = System.nanoTime();
    setting.kafka().createTopics(PREFIX, PARTITIONS);
    try (RawEngine raw = new RawEngine()) {
      for (int round = 0; round < setting.rounds(); round++) {
        try (WorkerProcess worker = WorkerProcess.start(setting, PREFIX, SETTINGS)) {
          measure(setting, raw, new Deployment(PROCESS, setting.kafka(), worker));
        }
        try (WorkerProcess worker = WorkerProcess.inContainer(setting, PREFIX, SETTINGS)) {
          measure(setting, raw, new Deployment(CONTAINER, setting.kafka(), worker));
        }
        Kafka own = new Kafka("127.0.0.1:" + FreePort.next());
        try (WorkerProcess worker = WorkerProcess.standalone(setting, own, PREFIX, SETTINGS)) {
          measure(setting, raw, new Deployment(STANDALONE, own, worker));
        }
        long each = (System.nanoTime() - began) / (round + 1) / 1_000_000_000;
        Setting.say(
            "round %d of %d done; about %d s left",
            round + 1, setting.rounds(), each * (setting.rounds() - round - 1));
      }
    }
    table.report(report);
  }

  private void measure(Setting setting, RawEngine raw, Deployment at) throws Exception {
    at.kafka().createTopics(ECHO_PREFIX, PARTITIONS);
    String python = System.getProperty("zcbot.python");
    List<UserId> hot = Kafka.usersInEach(1, HOT_USERS);
    table.add(at.name() + RateTable.RENAME, renames(setting, raw));
    try (Echo _ = new Echo(at.kafka(), ECHO_PREFIX, PARTITIONS)) {
      try (JavaLoad ensures = new JavaLoad(at.kafka(), PREFIX);
          JavaLoad echoes = new JavaLoad(at.kafka(), ECHO_PREFIX)) {
        warmUp(ensures, echoes, hot);
        measure(setting, raw, at, RateTable.JAVA, hot, ensures, echoes);
      }
      if (python == null) {
        Setting.say("no Python that has confluent_kafka: its rows are left out");
        return;
      }
      try (PythonLoad ensures = new PythonLoad(setting, python, at.kafka(), PREFIX);
          PythonLoad echoes = new PythonLoad(setting, python, at.kafka(), ECHO_PREFIX)) {
        warmUp(ensures, echoes, hot);
        measure(setting, raw, at, RateTable.PYTHON, hot, ensures, echoes);
      }
    }
  }

  private static void warmUp(EnsureLoad ensures, EnsureLoad echoes, List<UserId> hot)
      throws Exception {
    ensures.run(hot, HOT_USERS, 1, Latencies.histogram()); // of which some may have to be made
    ensures.run(hot, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
    echoes.run(hot, WARM_UP_RATE, WARM_UP_SECONDS, Latencies.histogram());
  }

  private void measure(
      Setting setting,
      RawEngine raw,
      Deployment at,
      String client,
      List<UserId> hot,
      EnsureLoad ensures,
      EnsureLoad echoes)
      throws Exception {
    Set<String> kept = hot.stream().map(Container::nameOf).collect(Collectors.toSet());
    for (int rate : RATES) {
      double seconds = SECONDS.get(rate);
      String row = RateTable.row(at.name(), client, rate);
      at.worker().awaitParked(SLOTS); // nothing is made meanwhile
      table.noise(row, busy());
      GarbageCollections collections = GarbageCollections.of(at.worker());
      Processors before = Processors.now(at.worker());
      Histogram answers = Latencies.histogram();
      ensures.run(hot, rate, seconds, answers);
      table.processors(row, before, Processors.now(at.worker()));
      table.add(row + RateTable.HOT, answers);
      table.collections(
          at.name(), rate == OFTEN ? answers.getTotalCount() : 0, collections, at.worker());

      Histogram echo = Latencies.histogram();
      echoes.run(hot, rate, seconds, echo);
      table.add(row + RateTable.ECHO, echo);
      Histogram look = Latencies.histogram();
      Calls.atRate(rate, seconds, look, i -> raw.inspect(Container.nameOf(hot.get(i % HOT_USERS))));
      table.add(row + RateTable.LOOK, look);

      Histogram claims = Latencies.histogram();
      ensures.run(Kafka.usersInEach(1, SLOTS), rate, (double) SLOTS / rate, claims);
      table.add(row + RateTable.NEW, claims);
      EndToEnd.clear(raw, setting.id(), withSlots(raw, setting, kept));
      Setting.say("%s", table.said(row));
    }
  }

  /** Idle slots are named otherwise than sandboxes, and stay as well. */
  private static Set<String> withSlots(RawEngine raw, Setting setting, Set<String> hot) {
    Set<String> kept = new HashSet<>(hot);
    raw.names(setting.id()).stream()
        .filter(name -> !name.startsWith(Container.NAME_PREFIX))
        .forEach(kept::add);
    return kept;
  }

  /** How busy the machine is while the bench asks for nothing, in percent. */
  private static double busy() throws Exception {
    Processors before = Processors.now(null);
    Thread.sleep(500);
    return Processors.now(null).busySince(before);
  }

  /** What the engine takes to rename a container. */
  private static Histogram renames(Setting setting, RawEngine raw) throws Exception {
    List<UserId> users = Kafka.usersInEach(1, 2);
    Path workspace = setting.workspaces("raw-renames", users.subList(0, 1));
    List<String> names = users.stream().map(Container::nameOf).toList();
    raw.createAndStart(
        EndToEnd.spec(setting),
        users.getFirst(),
        setting.id() + "-raw",
        workspace.resolve(users.getFirst().toString()));
    Histogram into = Latencies.histogram();
    Calls.atRate(5, 4, into, i -> raw.rename(names.get(i % 2), names.get((i + 1) % 2)));
    raw.remove(names.getFirst());
    return into;
  }
}
