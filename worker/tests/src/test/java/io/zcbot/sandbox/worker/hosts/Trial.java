/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.testkit.deployment.CommandLedger;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * One run of one scenario, with its own topics, group, workers and agent, and the checks of what
 * must hold. A violation is recorded and the trial goes on, so that one run shows all of them.
 */
final class Trial {
  static final int PARTITIONS = 12;
  static final Duration TTL = Duration.ofSeconds(8);
  static final Duration REAPER_INTERVAL = Duration.ofSeconds(1);
  static final Duration STOP_TIMEOUT = Duration.ofSeconds(15);
  private static final String WORKSPACES = "workspaces-";
  private static final AtomicInteger COUNTER = new AtomicInteger();

  /** Counts the processes of all trials: each has its own port. */
  private static final AtomicInteger PROCESSES = new AtomicInteger();

  final Field field;
  private final Consumer<String> out;
  final String id;
  private final Path directory;
  private final Map<String, HostWorker> workers = new TreeMap<>();
  final List<HostWorker> all = new CopyOnWriteArrayList<>();
  private final List<String> violations = new CopyOnWriteArrayList<>();
  final Set<String> doubted = ConcurrentHashMap.newKeySet();
  private final Judge judge = new Judge(this);
  final TrialSettings settings;
  final Topics topics;
  private final long started = System.nanoTime();

  /** How much later than planned something may happen, on a busy machine. */
  Duration slack = Duration.ofSeconds(15);

  History history;
  Agent agent;
  private Thread monitor;
  final List<Rules.Outage> outages = new ArrayList<>();
  private Instant awaySince;
  volatile boolean kafkaAway;
  final Random random;

  Trial(Field field, long seed, Consumer<String> out) throws IOException {
    this.field = field;
    this.out = out;
    this.random = new Random(seed);
    this.id = "hosts-" + Long.toString(System.currentTimeMillis(), 36) + COUNTER.incrementAndGet();
    this.directory = Files.createDirectories(field.trials().resolve(id));
    this.topics = new Topics(field.brokers().bootstrapServers(), id, random);
    this.settings = new TrialSettings(field.brokers().bootstrapServers(), id);
  }

  Trial with(String key, String value) {
    settings.with(key, value);
    return this;
  }

  /** For faults that lengthen the time between a check and its effect. */
  Trial withSlack(Duration longer) {
    slack = longer;
    return this;
  }

  void say(String line) {
    out.accept("%6.1f s  %s".formatted((System.nanoTime() - started) / 1e9, line));
  }

  void violation(String what) {
    violations.add(what);
    say("VIOLATION " + what);
  }

  void check(boolean holds, String otherwise) {
    if (!holds) {
      violation(otherwise);
    }
  }

  Agent agent() {
    return agent;
  }

  Field field() {
    return field;
  }

  /** Creates the topics, a reader of them, and an agent that publishes nothing yet. */
  void open(int users) throws Exception {
    createTopics();
    watch(users);
  }

  void createTopics() throws Exception {
    topics.create(WorkerConfig.fromEnvironment(settings.of("topics", field.host(0), 0)));
  }

  void watch(int users) {
    history = new History(field.brokers().bootstrapServers(), id + ".", PARTITIONS);
    agent = new Agent(field.brokers().bootstrapServers(), id + ".", random, users, 6);
    monitor = Thread.ofPlatform().name("monitor").daemon().start(judge::monitor);
  }

  Topics topics() {
    return topics;
  }

  // Workers.

  /** The host with this name: a, b, c. */
  EngineHost hostOf(String name) {
    return field.host(name.charAt(0) - 'a');
  }

  HostWorker worker(String name) {
    return workers.get(name);
  }

  HostWorker start(String name) throws Exception {
    HostWorker worker = launch(name, name, hostOf(name));
    workers.put(name, worker);
    return worker;
  }

  /**
   * Starts a process that is not counted as the worker of a host.
   *
   * @param workerName whose id it bears
   */
  HostWorker launch(String workerName, String hostName, EngineHost engine) throws Exception {
    int port =
        26_000
            + (int) (ProcessHandle.current().pid() % 2_000)
            + PROCESSES.getAndIncrement() % 1_000;
    Map<String, String> env = settings.of(workerName, engine, port);
    env.put("ZCBOT_HOST", "host-" + hostName);
    Path workspaces = Files.createDirectories(directory.resolve(WORKSPACES + hostName));
    env.put("ZCBOT_WORKSPACE_ROOT", workspaces.toString());
    HostWorker worker =
        HostWorker.launch(
            id + "-" + workerName,
            engine,
            port,
            env,
            directory.resolve("worker-" + workerName + "-" + hostName + ".log"));
    all.add(worker);
    return worker;
  }

  void startAll(String... names) throws Exception {
    for (String name : names) {
      start(name);
    }
    awaitServing();
  }

  /** Waits until every running worker is ready and they have all partitions. */
  void awaitServing() throws Exception {
    for (HostWorker worker : workers.values()) {
      if (worker.isAlive()) {
        worker.awaitReady();
      }
    }
    until("all partitions assigned", Duration.ofSeconds(120), this::isAssigned);
    back();
  }

  /** From here on something is away that reaps, or tells of use: nobody ages. */
  void away() {
    if (awaySince == null) {
      awaySince = Instant.now();
    }
  }

  void back() {
    if (awaySince != null) {
      outages.add(new Rules.Outage(awaySince, Instant.now()));
      awaySince = null;
    }
  }

  private boolean isAssigned() throws Exception {
    Set<String> alive = new TreeSet<>();
    workers.values().stream().filter(HostWorker::isAlive).forEach(w -> alive.add(w.id()));
    Map<String, Set<Integer>> owned = topics.assignment();
    int all = topics.partitions(Topic.ENSURE);
    // All may be assigned while the last to join is still to get its share.
    return owned.keySet().equals(alive)
        && owned.values().stream().mapToInt(Set::size).sum() == all
        && owned.values().stream().allMatch(some -> some.size() >= all / alive.size());
  }

  /**
   * Ends a worker as kill -9 does. Its sandboxes continue to run, so the state of its host is
   * unknown until it is back.
   */
  void kill(String name) throws InterruptedException {
    say("kill -9 " + name);
    doubt(name);
    workers.get(name).kill();
  }

  void terminate(String name) throws Exception {
    say("SIGTERM " + name);
    away();
    HostWorker worker = workers.get(name);
    boolean served = worker.wasReady();
    long from = System.nanoTime();
    worker.terminate();
    int code = worker.awaitEnd(Duration.ofSeconds(60));
    // A JVM that just begins to start ends as the signal has it.
    check(code == 0 || !served && code == 143, "worker " + name + " ended with exit code " + code);
    long took = (System.nanoTime() - from) / 1_000_000;
    check(took < STOP_TIMEOUT.plusSeconds(15).toMillis(), "it took " + name + " " + took + " ms");
    say("%s ended after %d ms".formatted(name, took));
  }

  void restart(String name) throws Exception {
    start(name);
    workers.get(name).awaitReady();
    trust(name);
  }

  void doubt(String name) {
    away();
    doubted.add(hostOf(name).name());
  }

  void trust(String name) {
    doubted.remove(hostOf(name).name());
  }

  void freezeKafka() throws Exception {
    say("the brokers are stopped");
    kafkaAway = true;
    away();
    doubted.addAll(field.hosts().stream().map(EngineHost::name).toList());
    field.brokers().freeze();
  }

  void thawKafka() throws Exception {
    field.brokers().thaw();
    kafkaAway = false;
    say("the brokers go on");
  }

  void trustAll() {
    doubted.clear();
  }

  void pause(double seconds) throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep((long) (seconds * 1000));
  }

  interface Condition {
    boolean holds() throws Exception;
  }

  void until(String what, Duration within, Condition condition) throws Exception {
    if (!holdsWithin(within, condition)) {
      throw new AssertionError(what + " does not come to hold within " + within.toSeconds() + " s");
    }
  }

  static boolean holdsWithin(Duration within, Condition condition) throws Exception {
    long deadline = System.nanoTime() + within.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      TimeUnit.MILLISECONDS.sleep(200); // most looks ask all engines
    }
    return true;
  }

  LogState log() {
    return new LogState(history.said());
  }

  /** The commands according to the log. */
  CommandLedger commands() {
    CommandLedger ledger = new CommandLedger();
    for (History.Said said : history.said()) {
      switch (said.event()) {
        case Exec exec -> ledger.asked(exec.eventId(), exec.userId());
        case Exited exited -> ledger.answered(exited);
        default -> {}
      }
    }
    return ledger;
  }

  /** What commands left in the workspaces of all hosts. */
  List<CommandLedger.Run> runs() throws IOException {
    List<CommandLedger.Run> runs = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path root :
          files.filter(file -> file.getFileName().toString().startsWith(WORKSPACES)).toList()) {
        runs.addAll(CommandLedger.runs(root));
      }
    }
    return runs;
  }

  /** Waits until a worker has served a user: one without any leaves nobody to serve elsewhere. */
  void awaitServed(String name) throws Exception {
    until(
        name + " has served a user",
        Duration.ofSeconds(90),
        () ->
            history.said().stream()
                .anyMatch(
                    s -> s.event() instanceof Ready r && r.workerId().equals(id + "-" + name)));
  }

  /** How long after an instant the first user of one worker was made ready by another. */
  Duration failOver(String dead, Instant killed) throws Exception {
    String deadId = id + "-" + dead;
    Set<Object> theirs = new HashSet<>();
    history.said().stream()
        .filter(s -> s.event() instanceof Ready r && !r.readyAt().isAfter(killed))
        .map(s -> (Ready) s.event())
        .forEach(
            r -> {
              if (r.workerId().equals(deadId)) {
                theirs.add(r.userId());
              } else {
                theirs.remove(r.userId());
              }
            });
    var first =
        new Object() {
          Instant at;
        };
    until(
        "a user of " + dead + " is served elsewhere",
        Duration.ofSeconds(120),
        () -> {
          first.at =
              history.said().stream()
                  .filter(s -> s.event() instanceof Ready)
                  .map(s -> (Ready) s.event())
                  .filter(r -> r.readyAt().isAfter(killed))
                  .filter(r -> !r.workerId().equals(deadId) && theirs.contains(r.userId()))
                  .map(Ready::readyAt)
                  .min(Instant::compareTo)
                  .orElse(null);
          return first.at != null;
        });
    return Duration.between(killed, first.at);
  }

  /** See {@link Judge#settle}. */
  void settle(String... absent) throws Exception {
    judge.settle(absent);
  }

  List<String> violations() {
    return violations;
  }

  void close() throws Exception {
    if (monitor != null) {
      monitor.interrupt();
      monitor.join();
    }
    field.brokers().thaw();
    for (EngineHost host : field.hosts()) {
      host.thaw();
    }
    for (HostWorker worker : all) {
      worker.kill();
    }
    if (agent != null) {
      agent.close();
      history.close();
    }
    field.removeAllOf(id);
    topics.close();
    // Workers that were killed leave their workspace roots mounted on themselves.
    Commands.tryRun("sh", "-c", "umount -R " + directory + "/" + WORKSPACES + "*");
    Commands.tryRun("sh", "-c", "rm -rf " + directory + "/" + WORKSPACES + "*");
    if (violations.isEmpty()) {
      Commands.run("rm", "-rf", directory.toString());
    } else {
      Path kept = Path.of(System.getProperty("zcbot.hosts.kept", "target/hosts"));
      Files.createDirectories(kept);
      Commands.tryRun("cp", "-r", directory.toString(), kept.toString());
      say("the workers' logs are in " + kept.resolve(directory.getFileName()).toAbsolutePath());
    }
  }
}
