/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Latency;
import io.zcbot.sandbox.worker.audit.result.Summary;
import java.time.Instant;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/** The counts of one fold; those of several folds add up to a summary. */
final class Counters {
  private static final int DIGITS = 3;

  private final Map<Topic, Long> records = new EnumMap<>(Topic.class);
  private long first = Long.MAX_VALUE;
  private long last = Long.MIN_VALUE;
  private final Map<String, Long> answers = new TreeMap<>();
  private final Map<String, Histogram> latencies = new TreeMap<>();
  private final Map<String, Histogram> tooks = new TreeMap<>();
  private final Map<Reaped.Reason, Long> reaps = new EnumMap<>(Reaped.Reason.class);
  private final Map<Topic, Long> duplicates = new EnumMap<>(Topic.class);
  private final Map<Check, Long> violations = new EnumMap<>(Check.class);
  final CommandCounters commands = new CommandCounters();
  long ensures;
  long unanswered;
  long sessions;
  long openSessions;
  long answeredAgain;
  long answersWithoutEnsure;
  long answersBeforeEnsure;
  long reapsWithoutReady;
  long activitiesOutside;
  long unreadable;

  void record(Topic topic, long time) {
    records.merge(topic, 1L, Long::sum);
    first = Math.min(first, time);
    last = Math.max(last, time);
  }

  void answered(String outcome, long latencyMs, @Nullable Long tookMs) {
    answers.merge(outcome, 1L, Long::sum);
    if (tookMs != null) {
      histogram(latencies, outcome).recordValue(latencyMs);
      histogram(tooks, outcome).recordValue(tookMs);
    }
  }

  void reaped(Reaped.Reason reason) {
    reaps.merge(reason, 1L, Long::sum);
  }

  void duplicate(Topic topic) {
    duplicates.merge(topic, 1L, Long::sum);
  }

  void violation(Check check) {
    violations.merge(check, 1L, Long::sum);
  }

  void add(Counters other) {
    other.records.forEach((topic, n) -> records.merge(topic, n, Long::sum));
    first = Math.min(first, other.first);
    last = Math.max(last, other.last);
    other.answers.forEach((outcome, n) -> answers.merge(outcome, n, Long::sum));
    other.latencies.forEach((outcome, more) -> histogram(latencies, outcome).add(more));
    other.tooks.forEach((outcome, more) -> histogram(tooks, outcome).add(more));
    other.reaps.forEach((reason, n) -> reaps.merge(reason, n, Long::sum));
    other.duplicates.forEach((topic, n) -> duplicates.merge(topic, n, Long::sum));
    other.violations.forEach((check, n) -> violations.merge(check, n, Long::sum));
    commands.add(other.commands);
    ensures += other.ensures;
    unanswered += other.unanswered;
    sessions += other.sessions;
    openSessions += other.openSessions;
    answeredAgain += other.answeredAgain;
    answersWithoutEnsure += other.answersWithoutEnsure;
    answersBeforeEnsure += other.answersBeforeEnsure;
    reapsWithoutReady += other.reapsWithoutReady;
    activitiesOutside += other.activitiesOutside;
    unreadable += other.unreadable;
  }

  Summary summary(Instant end) {
    Map<Topic, Long> read = new EnumMap<>(Topic.class);
    for (Topic topic : Topic.values()) {
      read.put(topic, records.getOrDefault(topic, 0L));
    }
    return new Summary(
        end,
        new Summary.Records(
            first > last ? null : Instant.ofEpochMilli(first),
            first > last ? null : Instant.ofEpochMilli(last),
            Collections.unmodifiableMap(read),
            Collections.unmodifiableMap(duplicates),
            unreadable),
        new Summary.Ensures(
            ensures,
            unanswered,
            Collections.unmodifiableMap(answers),
            percentiles(latencies),
            percentiles(tooks),
            answeredAgain,
            answersWithoutEnsure,
            answersBeforeEnsure),
        new Summary.Sessions(
            sessions,
            openSessions,
            Collections.unmodifiableMap(reaps),
            reapsWithoutReady,
            activitiesOutside),
        commands.summary(),
        Collections.unmodifiableMap(violations));
  }

  private static Histogram histogram(Map<String, Histogram> of, String outcome) {
    return of.computeIfAbsent(outcome, _ -> new Histogram(DIGITS));
  }

  private static Map<String, Latency> percentiles(Map<String, Histogram> of) {
    return of.entrySet().stream()
        .collect(
            Collectors.toMap(
                Map.Entry::getKey, e -> Latency.of(e.getValue()), (a, _) -> a, TreeMap::new));
  }
}
