/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.testkit.deployment.CommandLedger;
import io.zcbot.sandbox.worker.testkit.deployment.TopicAudit;
import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** Checks what must hold in a trial: while it runs, and when all faults are over. */
final class Judge {
  /**
   * How long an entry of the live table may remain that was written before its worker lost the
   * partition and stored by the brokers after the next owner had looked: until that owner compares
   * again.
   */
  private static final Duration LATE_ENTRY = Duration.ofMinutes(6);

  private static final Duration STALLED = Duration.ofSeconds(90);

  /** A move ends when the old sandbox is gone; during that time, the listing may show both. */
  private static final Duration OVERLAP = Duration.ofSeconds(20);

  /** Producers set a record's time a moment before the brokers have it. */
  private static final Duration ONE_CLOCK = Duration.ofMillis(200);

  private final Trial trial;

  Judge(Trial trial) {
    this.trial = trial;
  }

  /** Checks until it is interrupted. */
  void monitor() {
    Map<String, Long> since = new HashMap<>();
    long progressed = System.nanoTime();
    int answered = 0;
    boolean reported = false;
    while (!Thread.currentThread().isInterrupted()) {
      try {
        TimeUnit.MILLISECONDS.sleep(500);
        Map<String, List<String>> running = new HashMap<>();
        for (EngineHost host : trial.field.hosts()) {
          if (!trial.doubted.contains(host.name())) {
            for (Container container : host.sandboxes(trial.id)) {
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
                  trial.violation("I1: user " + user + " has " + where);
                }
              }
            });
        LogState log = trial.log();
        if (trial.kafkaAway || log.unanswered.isEmpty() || log.answers != answered) {
          progressed = now;
          reported = false;
        } else if (now - progressed > STALLED.toNanos() && !reported) {
          reported = true;
          trial.violation("no progress for 90 s with " + log.unanswered.size() + " ensures open");
        }
        answered = log.answers;
      } catch (InterruptedException _) {
        return;
      } catch (RuntimeException _) {
        // An engine that does not answer at the moment.
      }
    }
  }

  /**
   * Lets the trial come to rest and judges it.
   *
   * @param absent names of workers that are dead for good: what their engines show doesn't count
   */
  void settle(String... absent) throws Exception {
    trial.back();
    Set<String> without = new HashSet<>();
    Arrays.stream(absent).forEach(name -> without.add(trial.hostOf(name).name()));
    trial.agent.keep();
    trial.say("settling: " + trial.log().summary());
    trial.check(
        trial.agent.failure() == null, "the agent could not publish: " + trial.agent.failure());
    if (!Trial.holdsWithin(Duration.ofSeconds(180), () -> trial.log().unanswered.isEmpty())) {
      trial.violation("I2: unanswered: " + trial.log().unanswered.values());
    }
    agree("the log and the engines", Duration.ofSeconds(120), () -> difference(without, true));
    agree("the live table and the engines", LATE_ENTRY, () -> difference(without, false));
    trial.check(!trial.log().running().isEmpty(), "nothing runs though users are in use");
    if (!Trial.holdsWithin(
        Duration.ofSeconds(180), () -> trial.commands().unanswered().isEmpty())) {
      trial.violation("I11: unanswered: " + trial.commands().unanswered());
    }
    trial.agent.silence();
    Duration gone = Trial.TTL.plus(Trial.REAPER_INTERVAL.multipliedBy(2)).plusSeconds(60);
    if (!Trial.holdsWithin(
        gone, () -> trial.log().running().isEmpty() && difference(without, false).isEmpty())) {
      trial.violation(
          "I6: not gone %s after the last use: %s; %s"
              .formatted(gone, trial.log().running().values(), difference(without, false)));
    }
    if (!Trial.holdsWithin(Duration.ofSeconds(60), trial.topics::isAllCommitted)) {
      trial.violation("I8: not all is committed");
    }
    if (!Trial.holdsWithin(Duration.ofSeconds(60), () -> trial.history.openCommands().isEmpty())) {
      trial.violation("not answered in the command table: " + trial.history.openCommands());
    }
    LogState last = trial.log();
    CommandLedger commands = trial.commands();
    commands.violations(trial.runs()).forEach(trial::violation);
    last.violations.forEach(trial::violation);
    audit(last, commands);
    trial.history.faults().forEach(trial::violation);
    for (HostWorker worker : trial.all) {
      worker
          .logText()
          .lines()
          .filter(line -> line.contains("please report this"))
          .findFirst()
          .ifPresent(line -> trial.violation("worker " + worker.id() + " says: " + line));
    }
    trial.say("settled:  " + last.summary() + ", " + commands.summary());
  }

  private void agree(String which, Duration within, Callable<String> difference) throws Exception {
    String[] last = new String[1];
    if (!Trial.holdsWithin(
        within,
        () -> {
          last[0] = difference.call();
          return last[0].isEmpty();
        })) {
      trial.violation(which + " differ: " + last[0]);
    }
  }

  private void audit(LogState log, CommandLedger commands) throws Exception {
    TopicAudit audit =
        new TopicAudit(
            trial.field.brokers().bootstrapServers(),
            trial.id + ".",
            Trial.PARTITIONS,
            new Rules(
                Trial.TTL,
                Trial.REAPER_INTERVAL,
                Rules.DEFAULT.expiry(),
                Rules.DEFAULT.maxTimeout(),
                trial.slack,
                ONE_CLOCK,
                Rules.DEFAULT.window(),
                !trial.settings.adopts(),
                false,
                trial.outages));
    audit.violations().forEach(trial::violation);
    long seen = audit.summary().records().read().getOrDefault(Topic.ENSURE, 0L);
    trial.check(seen >= log.ensures, "the audit saw " + seen + " ensures of " + log.ensures);
    long execs = audit.summary().records().read().getOrDefault(Topic.EXEC, 0L);
    trial.check(
        execs >= commands.size(), "the audit saw " + execs + " execs of " + commands.size());
  }

  /**
   * How the log, the live table and the engines differ; empty if they agree.
   *
   * @param lateEntries whether entries of the live table do not count that belong to no sandbox
   */
  private String difference(Set<String> without, boolean lateEntries) throws InterruptedException {
    Map<String, LogState.Session> told = trial.log().running();
    Set<String> live = trial.history.live().keySet();
    Map<String, String> shown = new TreeMap<>();
    for (EngineHost host : trial.field.hosts()) {
      if (!without.contains(host.name())) {
        host.sandboxes(trial.id)
            .forEach(c -> shown.put(c.getId(), c.getState() + " on " + host.name()));
      }
    }
    StringBuilder difference = new StringBuilder();
    Set<String> every = new TreeSet<>(told.keySet());
    every.addAll(live);
    every.addAll(shown.keySet());
    for (String container : every) {
      boolean runs = shown.getOrDefault(container, "").startsWith("running");
      if (!told.containsKey(container) || !live.contains(container) || !runs) {
        LogState.Session session = trial.log().sessions.get(container);
        if (lateEntries && session == null && !shown.containsKey(container)) {
          continue;
        }
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
}
