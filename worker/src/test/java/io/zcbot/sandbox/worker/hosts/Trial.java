/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
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

/**
 * One run of one scenario: topics, a group and workers of its own, an agent, and what must hold. A
 * violation is noted and the trial goes on, so that one run shows all that is wrong.
 */
final class Trial {
  static final int PARTITIONS = 12;
  static final Duration TTL = Duration.ofSeconds(8);
  private static final Duration REAPER_INTERVAL = Duration.ofSeconds(1);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(15);
  private static final Duration STALLED = Duration.ofSeconds(30);

  /** A move ends with the old one gone; the listing may show both for as long as it takes. */
  private static final Duration OVERLAP = Duration.ofSeconds(4);

  /** Producers stamp a record a moment before the brokers have it. */
  private static final Duration ONE_CLOCK = Duration.ofMillis(200);

  private static final AtomicInteger COUNTER = new AtomicInteger();

  private final Field field;
  private final Consumer<String> out;
  private final String id;
  private final Path directory;
  private final Map<String, String> settings = new HashMap<>();
  private final Map<String, HostWorker> workers = new TreeMap<>();
  private final List<HostWorker> all = new CopyOnWriteArrayList<>();
  private final List<String> violations = new CopyOnWriteArrayList<>();
  private final Set<String> doubted = ConcurrentHashMap.newKeySet();
  private final Topics topics;
  private final long started = System.nanoTime();
  private Duration slack = Duration.ofSeconds(3);
  private History history;
  private Agent agent;
  private Thread monitor;
  private final List<Rules.Outage> outages = new ArrayList<>();
  private Instant awaySince;
  private volatile boolean kafkaAway;
  final Random random;

  Trial(Field field, long seed, Consumer<String> out) throws IOException {
    this.field = field;
    this.out = out;
    this.random = new Random(seed);
    this.id = "hosts-" + Long.toString(System.currentTimeMillis(), 36) + COUNTER.incrementAndGet();
    this.directory = Files.createDirectories(field.trials().resolve(id));
    this.topics = new Topics(field.brokers().bootstrapServers(), id, random);
    settings.put("ZCBOT_SANDBOX_IDLE_TTL", TTL.toSeconds() + "s");
    settings.put("ZCBOT_REAPER_INTERVAL", REAPER_INTERVAL.toSeconds() + "s");
    settings.put("ZCBOT_RECONCILE_INTERVAL", "3s");
    settings.put("ZCBOT_TOPICS_PARTITIONS", Integer.toString(PARTITIONS));
    settings.put("ZCBOT_TOPICS_REPLICATION", "3");
    settings.put("ZCBOT_CREATE_CONCURRENCY", "2");
    settings.put("ZCBOT_STOP_TIMEOUT", STOP_TIMEOUT.toSeconds() + "s");
    settings.put("ZCBOT_REVOKE_TIMEOUT", "5s");
    settings.put("ZCBOT_SANDBOX_MEMORY", "64m");
    settings.put("ZCBOT_SANDBOX_TMP_SIZE", "16m");
    settings.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", field.brokers().bootstrapServers());
    settings.put("ZCBOT_TOPIC_PREFIX", id + ".");
    settings.put("ZCBOT_GROUP", id);
    settings.put("ZCBOT_SANDBOX_NETWORK", id);
  }

  Trial with(String key, String value) {
    settings.put(key, value);
    return this;
  }

  /** For faults that stretch the way between a look and its effect. */
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

  History history() {
    return history;
  }

  Field field() {
    return field;
  }

  /** Topics, a reader of them, and an agent that says nothing yet. */
  void open(int users) throws Exception {
    createTopics();
    watch(users);
  }

  void createTopics() throws Exception {
    topics.create(WorkerConfig.fromEnvironment(environment("topics", field.host(0), 0)));
  }

  void watch(int users) {
    history = new History(field.brokers().bootstrapServers(), id + ".", PARTITIONS);
    agent = new Agent(field.brokers().bootstrapServers(), id + ".", random, users, 6);
    monitor = Thread.ofPlatform().name("monitor").daemon().start(this::monitor);
  }

  Topics topics() {
    return topics;
  }

  // Workers.

  /** The worker that is on a host by this name: a, b, c. */
  private EngineHost hostOf(String name) {
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
    int port = 26_000 + (int) (ProcessHandle.current().pid() % 2_000) + all.size() % 1_000;
    Map<String, String> env = environment(workerName, engine, port);
    env.put("ZCBOT_HOST", "host-" + hostName);
    env.put("ZCBOT_WORKSPACE_ROOT", directory.resolve("workspaces-" + hostName).toString());
    Files.createDirectories(directory.resolve("workspaces-" + hostName));
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

  private Map<String, String> environment(String workerName, EngineHost engine, int port) {
    Map<String, String> env = new HashMap<>(settings);
    env.put("ZCBOT_WORKER_ID", id + "-" + workerName);
    env.put("DOCKER_HOST", engine.address());
    env.put("ZCBOT_OPS_ADDRESS", "127.0.0.1:" + port);
    env.putIfAbsent("ZCBOT_SANDBOX_WARM", "0"); // the judge counts containers
    return env;
  }

  void startAll(String... names) throws Exception {
    for (String name : names) {
      start(name);
    }
    awaitServing();
  }

  /** Waits until every worker alive is ready and all partitions are theirs. */
  void awaitServing() throws Exception {
    for (HostWorker worker : workers.values()) {
      if (worker.isAlive()) {
        worker.awaitReady();
      }
    }
    until("all partitions assigned", Duration.ofSeconds(40), this::isAssigned);
    back();
  }

  /** From here on something is away that reaps, or tells of use: nobody ages. */
  void away() {
    if (awaySince == null) {
      awaySince = Instant.now();
    }
  }

  private void back() {
    if (awaySince != null) {
      outages.add(new Rules.Outage(awaySince, Instant.now()));
      awaySince = null;
    }
  }

  private boolean isAssigned() throws Exception {
    Set<String> alive = new TreeSet<>();
    workers.values().stream().filter(HostWorker::isAlive).forEach(w -> alive.add(w.id()));
    Map<String, Set<Integer>> owned = topics.assignment();
    return owned.keySet().equals(alive)
        && owned.values().stream().mapToInt(Set::size).sum() == PARTITIONS;
  }

  /**
   * Ends a worker as kill -9 does. What it left runs on, so its host is in doubt until it is back.
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
    int code = worker.awaitEnd(Duration.ofSeconds(27));
    // A JVM that just begins to start ends as the signal has it.
    check(code == 0 || !served && code == 143, "worker " + name + " ended with exit code " + code);
    long took = (System.nanoTime() - from) / 1_000_000;
    check(took < STOP_TIMEOUT.plusSeconds(4).toMillis(), "it took " + name + " " + took + " ms");
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

  private static boolean holdsWithin(Duration within, Condition condition) throws Exception {
    long deadline = System.nanoTime() + within.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
    return true;
  }

  LogState log() {
    return new LogState(history.said());
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
        Duration.ofSeconds(40),
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

  // What must hold while it runs.

  private void monitor() {
    Map<String, Long> since = new HashMap<>();
    long progressed = System.nanoTime();
    int answered = 0;
    boolean reported = false;
    while (!Thread.currentThread().isInterrupted()) {
      try {
        TimeUnit.MILLISECONDS.sleep(500);
        Map<String, List<String>> running = new HashMap<>();
        for (EngineHost host : field.hosts()) {
          if (!doubted.contains(host.name())) {
            for (Container container : host.sandboxes(id)) {
              if ("running".equals(container.getState())) {
                running
                    .computeIfAbsent(
                        container.getLabels().get("zcbot.user_id"), _ -> new ArrayList<>())
                    .add(container.getId().substring(0, 12) + " on " + host.name());
              }
            }
          }
        }
        long now = System.nanoTime();
        since.keySet().removeIf(user -> running.getOrDefault(user, List.of()).size() < 2);
        running.forEach(
            (user, where) -> {
              if (where.size() > 1) {
                long first = since.computeIfAbsent(user, _ -> now);
                if (now - first > OVERLAP.toNanos() && first > 0) {
                  since.put(user, Long.MAX_VALUE / 2);
                  violation("I1: user " + user + " has " + where);
                }
              }
            });
        LogState log = log();
        if (kafkaAway || log.unanswered.isEmpty() || log.answers != answered) {
          progressed = now;
          reported = false;
        } else if (now - progressed > STALLED.toNanos() && !reported) {
          reported = true;
          violation("no progress for 30 s with " + log.unanswered.size() + " ensures open");
        }
        answered = log.answers;
      } catch (InterruptedException _) {
        return;
      } catch (RuntimeException _) {
        // An engine that does not answer at the moment.
      }
    }
  }

  // What must hold when all has healed.

  /**
   * Lets the trial come to rest and judges it.
   *
   * @param absent names of workers that are dead for good: what their engines show doesn't count
   */
  void settle(String... absent) throws Exception {
    back();
    Set<String> without = new HashSet<>();
    Arrays.stream(absent).forEach(name -> without.add(hostOf(name).name()));
    agent.keep();
    say("settling: " + log().summary());
    check(agent.failure() == null, "the agent could not publish: " + agent.failure());
    if (!holdsWithin(Duration.ofSeconds(45), () -> log().unanswered.isEmpty())) {
      violation("I2: unanswered: " + log().unanswered.values());
    }
    String[] difference = new String[1];
    if (!holdsWithin(
        Duration.ofSeconds(20),
        () -> {
          difference[0] = difference(without);
          return difference[0].isEmpty();
        })) {
      violation("the log and the engines differ: " + difference[0]);
    }
    check(!log().running().isEmpty(), "nothing runs though users are in use");
    agent.silence();
    Duration gone = TTL.plus(REAPER_INTERVAL.multipliedBy(2)).plusSeconds(4);
    if (!holdsWithin(gone, () -> log().running().isEmpty() && difference(without).isEmpty())) {
      violation(
          "I6: not gone %s after the last use: %s; %s"
              .formatted(gone, log().running().values(), difference(without)));
    }
    if (!holdsWithin(Duration.ofSeconds(10), topics::isAllCommitted)) {
      violation("I8: not all is committed");
    }
    LogState last = log();
    last.violations.forEach(this::violation);
    audit(last);
    history.faults().forEach(this::violation);
    for (HostWorker worker : all) {
      worker
          .logText()
          .lines()
          .filter(line -> line.contains("please report this"))
          .findFirst()
          .ifPresent(line -> violation("worker " + worker.id() + " says: " + line));
    }
    say("settled:  " + last.summary());
  }

  private void audit(LogState log) throws Exception {
    TopicAudit audit =
        new TopicAudit(
            field.brokers().bootstrapServers(),
            id + ".",
            PARTITIONS,
            new Rules(
                TTL,
                REAPER_INTERVAL,
                Rules.DEFAULT.expiry(),
                slack,
                ONE_CLOCK,
                Rules.DEFAULT.window(),
                !"adopt".equals(settings.get("ZCBOT_RESTART")),
                outages));
    audit.violations().forEach(this::violation);
    long seen = audit.summary().records().read().getOrDefault(Topic.ENSURE, 0L);
    check(seen >= log.ensures, "the audit saw " + seen + " ensures of " + log.ensures);
  }

  /** How the log, the live table and the engines differ; empty if they agree. */
  private String difference(Set<String> without) throws InterruptedException {
    Map<String, LogState.Session> told = log().running();
    Set<String> live = history.live().keySet();
    Map<String, String> shown = new TreeMap<>();
    for (EngineHost host : field.hosts()) {
      if (!without.contains(host.name())) {
        host.sandboxes(id).forEach(c -> shown.put(c.getId(), c.getState() + " on " + host.name()));
      }
    }
    StringBuilder difference = new StringBuilder();
    Set<String> every = new TreeSet<>(told.keySet());
    every.addAll(live);
    every.addAll(shown.keySet());
    for (String container : every) {
      boolean runs = shown.getOrDefault(container, "").startsWith("running");
      if (!told.containsKey(container) || !live.contains(container) || !runs) {
        LogState.Session session = log().sessions.get(container);
        difference
            .append("\n    ")
            .append(shown.getOrDefault(container, "on no engine"))
            .append(live.contains(container) ? ", live" : ", not live")
            .append(told.containsKey(container) ? ", open in the log" : ", not open in the log")
            .append(": ")
            .append(session == null ? container : session);
      }
    }
    return difference.toString();
  }

  List<String> violations() {
    return violations;
  }

  /** Where the workers' logs are; kept if there was a violation. */
  Path directory() {
    return directory;
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
    for (EngineHost host : field.hosts()) {
      for (Container container : host.sandboxes(id)) {
        try {
          host.docker().removeContainerCmd(container.getId()).withForce(true).exec();
        } catch (com.github.dockerjava.api.exception.NotFoundException _) {
          // Gone by itself.
        }
      }
      host.docker().listNetworksCmd().withNameFilter(id).exec().stream()
          .filter(network -> network.getName().equals(id))
          .forEach(network -> remove(host, network.getId()));
    }
    topics.close();
    // Workers that were killed leave their workspace roots mounted on themselves.
    Commands.tryRun("sh", "-c", "umount -R " + directory + "/workspaces-*");
    Commands.tryRun("sh", "-c", "rm -rf " + directory + "/workspaces-*");
    if (violations.isEmpty()) {
      Commands.run("rm", "-rf", directory.toString());
    } else {
      Path kept = Path.of(System.getProperty("zcbot.hosts.kept", "target/hosts"));
      Files.createDirectories(kept);
      Commands.tryRun("cp", "-r", directory.toString(), kept.toString());
      say("the workers' logs are in " + kept.resolve(directory.getFileName()).toAbsolutePath());
    }
  }

  /**
   * A helper that sets the host's rules may hang on it for a moment after its worker was killed.
   */
  private static void remove(EngineHost host, String network) {
    await()
        .atMost(Duration.ofSeconds(15))
        .ignoreExceptions()
        .until(
            () -> {
              host.docker().removeNetworkCmd(network).exec();
              return true;
            });
  }
}
