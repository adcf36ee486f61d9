/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.events.Reaped;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** The faults of the workers, the brokers and the engines while users work. */
final class Scenarios {
  /** One fault, or several of a kind. */
  interface Scenario {
    void run(Trial trial) throws Exception;
  }

  /** Two users in each partition, which is as many as the engines handle without a long queue. */
  private static final int USERS = 24;

  static final Map<String, Scenario> ALL = new LinkedHashMap<>();

  static {
    ALL.put("rolling-restart-purge", trial -> rollingRestart(trial, "purge"));
    ALL.put("rolling-restart-adopt", trial -> rollingRestart(trial, "adopt"));
    ALL.put("kill-and-restart", Scenarios::killAndRestart);
    ALL.put("kill-and-adopt", Scenarios::killAndAdopt);
    ALL.put("kill-for-good", Scenarios::killForGood);
    ALL.put("frozen-worker", Scenarios::frozenWorker);
    ALL.put("duplicate-id", Scenarios::duplicateId);
    ALL.put("join-leave-storm", Scenarios::joinLeaveStorm);
    ALL.put("rolling-brokers", Scenarios::rollingBrokers);
    ALL.put("brokers-away", Scenarios::brokersAway);
    ALL.put("close-in-outage", Scenarios::closeInOutage);
    ALL.put("slow-engine-moves", Scenarios::slowEngineMoves);
    ALL.put("back-to-self", Scenarios::backToSelf);
    ALL.put("gaps-in-the-log", Scenarios::gapsInTheLog);
    ALL.put("eager-handover", Scenarios::eagerHandover);
    ALL.put("hostile", Scenarios::hostile);
  }

  private Scenarios() {}

  /** Runs a scenario; its violations are in the trial. */
  static Trial run(Field field, String name, long seed, Consumer<String> out) throws Exception {
    Scenario scenario = ALL.get(name);
    if (scenario == null) {
      throw new IllegalArgumentException("no scenario " + name + "; there are " + ALL.keySet());
    }
    Trial trial = new Trial(field, seed, out);
    try {
      trial.say(name + ", seed " + seed);
      scenario.run(trial);
    } catch (Exception | AssertionError e) {
      trial.violation("did not run to its end: " + e);
      StringWriter trace = new StringWriter();
      e.printStackTrace(new PrintWriter(trace));
      trial.say(trace.toString());
    } finally {
      trial.close();
    }
    return trial;
  }

  private static String some(Trial trial, String... names) {
    return names[trial.random.nextInt(names.length)];
  }

  private static double between(Trial trial, double least, double most) {
    return least + trial.random.nextDouble() * (most - least);
  }

  /** Opens the trial, starts workers, and lets users work for some seconds. */
  private static void begin(Trial trial, int users, int seconds, String... workers)
      throws Exception {
    trial.open(users);
    trial.startAll(workers);
    trial.agent().load();
    trial.pause(seconds);
  }

  private static void checkOnlyIdle(Trial trial, String otherwise) {
    trial
        .log()
        .reaps
        .forEach(
            (reason, count) ->
                trial.check(reason == Reaped.Reason.IDLE, otherwise + " " + count + ": " + reason));
  }

  private static void healAndSettle(Trial trial) throws Exception {
    trial.trustAll();
    trial.awaitServing();
    trial.settle();
  }

  private static void rollingRestart(Trial trial, String mode) throws Exception {
    trial.with("ZCBOT_RESTART", mode);
    trial.open(USERS);
    if (mode.equals("adopt")) {
      trial
          .topics()
          .sessionTimeout(Duration.ofSeconds(180)); // a busy machine starts a JVM in its own time
    }
    trial.startAll("a", "b", "c");
    trial.agent().load();
    trial.pause(6);
    for (String name : new String[] {"a", "b", "c"}) {
      Set<String> before = trial.log().running().keySet();
      Instant from = Instant.now();
      trial.terminate(name);
      trial.restart(name);
      trial.say(
          name
              + " was away for "
              + Duration.between(from, Instant.now()).toMillis()
              + " ms, "
              + before.size()
              + " ran before");
      trial.awaitServing();
      trial.pause(between(trial, 1, 3));
    }
    if (mode.equals("adopt")) {
      checkOnlyIdle(trial, "a restart that adopts reaped");
    }
    trial.settle();
  }

  private static void killAndRestart(Trial trial) throws Exception {
    begin(trial, USERS, 4, "a", "b", "c");
    for (int round = 0; round < 2; round++) {
      String victim = some(trial, "a", "b", "c");
      if (round % 2 == 0) {
        // So that it dies between a create and its announcement.
        trial.agent().burst(8);
        trial.pause(between(trial, 0.1, 1.5));
      }
      // So that it dies between any two steps of a command.
      trial.agent().commands(30);
      trial.pause(between(trial, 0, 0.2));
      trial.kill(victim);
      trial.pause(between(trial, 0, 3));
      trial.restart(victim);
      trial.awaitServing();
      trial.pause(between(trial, 0, 2));
    }
    trial.settle();
  }

  /** Running sandboxes are adopted even if no worker stopped in an orderly way. */
  private static void killAndAdopt(Trial trial) throws Exception {
    trial.with("ZCBOT_RESTART", "adopt");
    trial.open(USERS);
    trial.topics().sessionTimeout(Duration.ofSeconds(60));
    trial.startAll("a", "b", "c");
    trial.agent().load();
    trial.pause(6);
    for (int round = 0; round < 2; round++) {
      String victim = some(trial, "a", "b", "c");
      if (round == 1) {
        trial.agent().burst(8);
        trial.pause(between(trial, 0.1, 1.5));
      }
      int before = trial.log().running().size();
      trial.agent().commands(30);
      trial.pause(between(trial, 0, 0.2));
      trial.kill(victim);
      trial.restart(victim);
      trial.awaitServing();
      trial.say(before + " ran before, reaped since the beginning: " + trial.log().reaps);
      trial.pause(between(trial, 0, 2));
    }
    trial.settle();
  }

  private static void killForGood(Trial trial) throws Exception {
    begin(trial, USERS, 6, "a", "b", "c");
    trial.agent().commands(30);
    trial.awaitServed("b");
    trial.pause(between(trial, 0, 0.2));
    Instant killed = Instant.now();
    trial.kill("b");
    Duration failOver = trial.failOver("b", killed);
    trial.say("fail-over after " + failOver.toMillis() + " ms");
    trial.pause(4);
    int containers = trial.worker("b").host().sandboxes("").size();
    trial.say("the dead worker's host still runs " + containers);
    trial.settle("b");
    trial.say("the host comes back");
    trial.agent().load();
    trial.restart("b");
    trial.awaitServing();
    trial.pause(5);
    trial.settle();
  }

  private static void frozenWorker(Trial trial) throws Exception {
    trial.withSlack(Duration.ofSeconds(16));
    begin(trial, USERS, 5, "a", "b", "c");
    trial.agent().burst(6);
    trial.pause(between(trial, 0, 0.6));
    trial.agent().commands(30);
    trial.pause(between(trial, 0, 0.2));
    String victim = some(trial, "a", "b", "c");
    trial.say("SIGSTOP " + victim);
    trial.doubt(victim);
    trial.worker(victim).freeze();
    trial.pause(14);
    trial.say("SIGCONT " + victim);
    trial.worker(victim).thaw();
    trial.pause(6);
    trial.trust(victim);
    trial.awaitServing();
    trial.pause(3);
    trial.settle();
  }

  private static void duplicateId(Trial trial) throws Exception {
    begin(trial, 24, 5, "a", "b");
    HostWorker sameHost = trial.launch("a", "a", trial.field().host(0));
    HostWorker otherHost = trial.launch("a", "c", trial.field().host(2));
    for (HostWorker second : new HostWorker[] {sameHost, otherHost}) {
      int code = second.awaitEnd(Duration.ofSeconds(90));
      trial.check(code != 0, "a second worker of one id ended with exit code 0");
    }
    trial.check(
        sameHost.logText().contains("already runs on this host"),
        "no clear refusal on the same host; " + sameHost.logTail());
    trial.check(
        otherHost.logText().contains("has a member with this id on another host"),
        "no clear refusal on another host; " + otherHost.logTail());
    trial.check(trial.worker("a").isAlive(), "the first worker ended");
    trial.pause(2);
    checkOnlyIdle(trial, "the second worker cost sandboxes,");
    trial.settle();
  }

  private static void joinLeaveStorm(Trial trial) throws Exception {
    begin(trial, USERS, 3, "a", "b", "c");
    for (int round = 0; round < 5; round++) {
      String one = some(trial, "b", "c");
      if (trial.random.nextInt(3) == 0) {
        trial.kill(one);
      } else {
        trial.terminate(one);
      }
      trial.pause(between(trial, 0, 1));
      trial.start(one);
      if (trial.random.nextBoolean()) {
        trial.worker(one).awaitReady();
      } else {
        trial.pause(between(trial, 0.5, 4));
      }
    }
    trial.awaitServing();
    trial.trustAll();
    trial.settle();
  }

  private static void rollingBrokers(Trial trial) throws Exception {
    begin(trial, USERS, 3, "a", "b", "c");
    trial.away();
    for (int node = 0; node < trial.field().brokers().size(); node++) {
      trial.say("broker " + node + " restarts");
      trial.field().brokers().restart(node);
      trial.pause(1);
    }
    trial.settle();
  }

  private static void brokersAway(Trial trial) throws Exception {
    trial.withSlack(Duration.ofSeconds(20));
    begin(trial, USERS, 6, "a", "b", "c");
    int before = trial.log().running().size();
    trial.freezeKafka();
    trial.pause(Trial.TTL.toSeconds() + 6);
    int during =
        trial.field().hosts().stream()
            .mapToInt(
                host ->
                    (int)
                        host.sandboxes("hosts-").stream()
                            .filter(c -> c.getState().equals("running"))
                            .count())
            .sum();
    trial.say(before + " ran before, " + during + " with the brokers away for longer than TTL");
    trial.check(during >= before - 2, "sandboxes were killed while the brokers were away");
    trial.thawKafka();
    trial.pause(10);
    healAndSettle(trial);
  }

  private static void closeInOutage(Trial trial) throws Exception {
    begin(trial, USERS, 5, "a", "b", "c");
    trial.agent().burst(6);
    trial.freezeKafka();
    trial.pause(1);
    trial.terminate("a");
    trial.thawKafka();
    trial.pause(1);
    trial.restart("a");
    trial.pause(5);
    healAndSettle(trial);
  }

  private static void slowEngineMoves(Trial trial) throws Exception {
    trial.withSlack(Duration.ofSeconds(20));
    begin(trial, USERS, 4, "a", "b");
    trial.agent().burst(8);
    trial.pause(0.3);
    trial.say("engine a is stopped, and c joins");
    trial.doubt("a");
    trial.worker("a").host().freeze();
    trial.start("c");
    trial.pause(between(trial, 7, 11));
    trial.worker("a").host().thaw();
    trial.say("engine a goes on");
    trial.pause(6);
    healAndSettle(trial);
  }

  /** Partitions are lost and assigned again while creates of their first assignment still run. */
  private static void backToSelf(Trial trial) throws Exception {
    trial.withSlack(Duration.ofSeconds(25));
    begin(trial, USERS, 4, "a", "c");
    trial.agent().burst(8);
    trial.pause(0.3);
    trial.say("engine a is stopped, b joins and leaves");
    trial.doubt("a");
    trial.worker("a").host().freeze();
    trial.start("b").awaitReady();
    trial.until(
        "b has partitions",
        Duration.ofSeconds(90),
        () -> trial.topics().assignment().containsKey(trial.worker("b").id()));
    trial.pause(between(trial, 0, 2));
    trial.terminate("b");
    trial.pause(between(trial, 0, 2));
    trial.worker("a").host().thaw();
    trial.say("engine a goes on");
    trial.pause(6);
    healAndSettle(trial);
  }

  /** Offsets with gaps: compacted records, aborted transactions, markers, one at the very end. */
  private static void gapsInTheLog(Trial trial) throws Exception {
    trial.createTopics();
    trial.topics().compactEnsures(true);
    int sent = trial.topics().transactions(60, 4);
    trial.until(
        "the backlog is compacted",
        Duration.ofSeconds(60),
        () -> {
          trial.topics().transactions(1, 4); // a new segment is begun with a record only
          return trial.topics().ensuresInLog() < sent * 3 / 4;
        });
    trial.topics().compactEnsures(false);
    trial.say(trial.topics().ensuresInLog() + " of " + sent + " ensures are left in the log");
    trial.watch(24);
    trial.startAll("a", "b", "c");
    trial.agent().load();
    for (int round = 0; round < 4; round++) {
      trial.topics().transactions(3, 4);
      trial.pause(between(trial, 0.5, 1.5));
    }
    trial.terminate(some(trial, "b", "c"));
    trial.topics().transactions(3, 4);
    trial.agent().keep();
    trial.pause(1);
    trial.topics().transactions(1, 4);
    trial.settle();
  }

  private static void eagerHandover(Trial trial) throws Exception {
    trial.with("ZCBOT_SANDBOX_HANDOVER", "eager").with("ZCBOT_SANDBOX_IDLE_TTL", "8s");
    trial.open(24);
    trial.startAll("a", "b", "c");
    trial.agent().keep();
    trial.until("six run", Duration.ofSeconds(90), () -> trial.log().running().size() == 6);
    trial.pause(1);
    String victim = trial.log().running().values().iterator().next().readies.getFirst().workerId();
    String name = victim.substring(victim.length() - 1);
    Instant killed = Instant.now();
    trial.kill(name);
    // Nobody asks: the agent only works on.
    trial.say("fail-over after " + trial.failOver(name, killed).toMillis() + " ms, unasked");
    trial.until("six run again", Duration.ofSeconds(90), () -> trial.log().running().size() == 6);
    trial.restart(name);
    trial.awaitServing();
    trial.settle();
  }

  /** Hostile agents, altered topics, revoked permissions. */
  private static void hostile(Trial trial) throws Exception {
    trial.withSlack(Duration.ofSeconds(20));
    if (trial.random.nextBoolean()) {
      trial.with("ZCBOT_RESTART", "adopt");
    }
    begin(trial, USERS, 4, "a", "b", "c");
    Hostility hostility =
        new Hostility(trial.field().brokers().bootstrapServers(), trial.id, trial.random);
    try {
      for (int round = 0; round < 6; round++) {
        trial.say("poison");
        hostility.poison(30);
        trial.agent().commands(10);
        switch (trial.random.nextInt(4)) {
          case 0, 1 -> denied(trial, hostility);
          case 2 -> trial.say(hostility.alter());
          default -> {
            String victim = some(trial, "a", "b", "c");
            trial.kill(victim);
            trial.pause(between(trial, 0, 2));
            trial.restart(victim);
          }
        }
        trial.pause(between(trial, 0, 3));
      }
    } finally {
      hostility.close();
    }
    for (String name : new String[] {"a", "b", "c"}) {
      trial.check(trial.worker(name).isAlive(), "worker " + name + " ended");
    }
    trial.pause(5);
    healAndSettle(trial);
  }

  /** Sandboxes stay: only those that were idle for long before may be reaped meanwhile. */
  private static void denied(Trial trial, Hostility hostility) throws Exception {
    Hostility.Permission permission = hostility.some();
    trial.say("nobody has " + permission);
    for (String name : new String[] {"a", "b", "c"}) {
      trial.doubt(name);
    }
    hostility.deny(permission);
    try {
      trial.pause(between(trial, 2, 15));
    } finally {
      hostility.allow(permission);
    }
    trial.say("all have it again");
  }
}
