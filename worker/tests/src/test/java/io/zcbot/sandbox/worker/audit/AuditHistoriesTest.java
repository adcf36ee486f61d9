/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Summary;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Random histories that keep every guarantee have no violation. */
class AuditHistoriesTest {
  private static final long LENGTH = 2 * 3_600_000;

  static Histories histories(long seed) {
    return new Histories(seed, 10, 3, 3, LENGTH);
  }

  private static final long TTL = Histories.RULES.ttl().toMillis();

  @Property(tries = 20)
  void whatKeepsEveryPromiseHasNoViolation(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 12) int users,
      @ForAll @IntRange(min = 1, max = 5) int partitions,
      @ForAll @IntRange(min = 1, max = 4) int workers) {
    Histories made = new Histories(seed, users, partitions, workers, LENGTH);
    TestLog.Reported reported = made.audit();

    assertThat(reported.violations()).isEmpty();
    Summary summary = reported.summary();
    assertThat(summary.ensures().count()).isEqualTo(made.ensures);
    assertThat(summary.ensures().answers().values().stream().mapToLong(n -> n).sum())
        .isEqualTo(made.answers);
    assertThat(reported.ensures()).hasSize((int) made.ensures).allMatch(e -> e.answer() != null);
    assertThat(summary.ensures().open()).isZero();
    assertThat(summary.sessions().reaps()).isEqualTo(made.reaps);
    assertThat(summary.sessions().open()).isZero();
    assertThat(summary.records().repeated().values().stream().mapToLong(n -> n).sum())
        .isEqualTo(made.duplicates + made.commands.duplicates);
    assertThat(reported.findings().stream().filter(AuditedCommand.class::isInstance))
        .hasSize((int) made.commands.count);
    assertThat(summary.commands().count()).isEqualTo(made.commands.count);
    assertThat(summary.commands().answers().values().stream().mapToLong(n -> n).sum())
        .isEqualTo(made.commands.count);
    assertThat(summary.commands().answersWithoutExec()).isZero();
    assertThat(
            reported.sessions().stream().mapToLong(Session::activities).sum()
                + summary.sessions().activitiesOutside())
        .isEqualTo(made.activities);
    assertThat(summary.sessions().activitiesOutside())
        .isLessThanOrEqualTo(made.activities / 20 + 2);
    assertThat(summary.records().unreadable()).isEqualTo(users / 4);
    assertThat(summary.sessions().reapsWithoutReady() + summary.ensures().answersWithoutEnsure())
        .isZero();
  }

  @Property(tries = 20)
  void aLogThatEndsOrBeginsAnywhereHasNoViolation(@ForAll long seed, @ForAll long cut) {
    List<LogRecord> records = histories(seed).records();
    long until = Histories.START + Math.floorMod(cut, LENGTH);
    List<LogRecord> head = records.stream().filter(r -> r.time() <= until).toList();
    List<LogRecord> tail = records.stream().filter(r -> r.time() > until).toList();

    assertThat(TestLog.audit(Histories.RULES, head, until).violations()).isEmpty();
    Coverage known = new Coverage(Instant.ofEpochMilli(until));
    long end = Histories.START + LENGTH + 3 * TTL;
    assertThat(TestLog.audit(Histories.RULES, known, tail, end).violations()).isEmpty();
  }

  @Property(tries = 8)
  void whatIsReportedDependsOnTheLogAloneNotOnTheThreads(
      @ForAll long seed, @ForAll @IntRange(min = 2, max = 7) int shards) throws Exception {
    Histories made = new Histories(seed, 12, 3, 3, LENGTH);
    List<LogRecord> records = made.records();
    assertThat(replay(records, made.end, shards)).isEqualTo(replay(records, made.end, 1));
  }

  private static List<Object> replay(List<LogRecord> records, long end, int shards)
      throws Exception {
    List<Object> reported = new ArrayList<>();
    Replay replay = new Replay(Histories.RULES, reported::add, (_, _) -> {}, shards);
    reported.add(replay.run(new ListSource(records, end)));
    return reported;
  }
}
