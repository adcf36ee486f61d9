/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Latency;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.result.Violation;
import io.zcbot.sandbox.worker.config.Durations;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Prints an audit's results for people: a table of sessions as they end, then the violations, then
 * the summary. Columns have fixed widths, so that rows can be printed at once.
 */
final class TextAuditReport implements AuditReport {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
  private static final String ROW = "%-36s  %-7s  %-24s  %-8s  %-16s  %7s  %8s  %-12s  %-12s  %s";
  private static final int VIOLATIONS_SHOWN = 1000;

  private final PrintWriter out;
  private final String topicPrefix;
  private final boolean summaryOnly;
  private final boolean ofOneUser;
  private final List<Violation> violations = new ArrayList<>();
  private boolean hasRows;

  TextAuditReport(PrintWriter out, String topicPrefix, boolean summaryOnly, boolean ofOneUser) {
    this.out = out;
    this.topicPrefix = topicPrefix;
    this.summaryOnly = summaryOnly;
    this.ofOneUser = ofOneUser;
  }

  @Override
  public void found(Observation finding) {
    switch (finding) {
      case Violation violation -> {
        if (violations.size() < VIOLATIONS_SHOWN) {
          violations.add(violation);
        }
      }
      case Session session -> {
        if (!summaryOnly) {
          print(session);
        }
      }
      case AuditedCommand command -> {
        if (!summaryOnly && ofOneUser) {
          print(command);
        }
      }
      case AuditedEnsure ensure -> {
        if (!summaryOnly && ofOneUser) {
          print(ensure);
        }
      }
    }
  }

  private void print(Session session) {
    Duration lasted = session.lasted();
    row(
        session.user().toString(),
        "session",
        time(session.start()),
        lasted == null ? "-" : Durations.rounded(lasted),
        session.reason() == null ? "open" : session.reason().wire(),
        Integer.toString(session.ensures()),
        Long.toString(session.activities()),
        session.host(),
        session.workerId(),
        EventText.shortId(session.containerId()));
  }

  private void print(AuditedEnsure ensure) {
    AuditedEnsure.Answer answer = ensure.answer();
    String container = answer == null ? null : answer.containerId();
    row(
        ensure.user().toString(),
        "ensure",
        time(ensure.at()),
        answer == null ? "-" : answer.latencyMs() + "ms",
        answer == null ? "unanswered" : answer.outcome(),
        "",
        "",
        "",
        "",
        container == null ? "-" : EventText.shortId(container));
  }

  private void print(AuditedCommand command) {
    AuditedCommand.Answer answer = command.answer();
    String container = answer == null ? null : answer.site().containerId();
    row(
        command.user().toString(),
        "command",
        time(command.at()),
        answer == null || container == null ? "-" : answer.tookMs() + "ms",
        answer == null ? "unanswered" : exit(answer),
        "",
        "",
        answer == null ? "" : answer.site().host(),
        answer == null ? "" : answer.site().workerId(),
        (container == null ? "-" : EventText.shortId(container))
            + "  "
            + (answer == null ? "" : answer.output().bytes() + " bytes  ")
            + command.line());
  }

  private static String exit(AuditedCommand.Answer answer) {
    Integer number = answer.exitCode() == null ? answer.signal() : answer.exitCode();
    return answer.reason().wire()
        + (number == null ? "" : " " + number)
        + (answer.isOutOfMemory() ? " oom" : "");
  }

  private void row(Object... cells) {
    if (!hasRows) {
      hasRows = true;
      line(
          String.format(
              ROW,
              "USER",
              "WHAT",
              "START",
              "LASTED",
              "END",
              "ENSURES",
              "ACTIVITY",
              "HOST",
              "WORKER",
              "CONTAINER"));
    }
    line(String.format(Locale.ROOT, ROW, cells));
  }

  private static String time(@Nullable Instant instant) {
    return instant == null ? "-" : TIME.format(instant);
  }

  @Override
  public void end(Summary summary) {
    if (hasRows) {
      line("");
    }
    for (Violation violation : violations) {
      String who = violation.user() == null ? "" : "user " + violation.user() + ": ";
      line("violation of " + violation.check().label() + "  " + who + violation.text());
      StringJoiner positions = new StringJoiner(", ");
      violation.evidence().forEach(position -> positions.add(position.named(topicPrefix)));
      line("  see " + positions);
    }
    long more = summary.violationCount() - violations.size();
    if (more > 0) {
      line("and " + more + " more violations; --json shows all");
    }
    if (!violations.isEmpty()) {
      line("");
    }
    print(summary);
  }

  private void print(Summary summary) {
    item(
        "records",
        count(summary.recordCount())
            + listed(summary.records().read(), topic -> topic.named(""))
            + (summary.records().first() == null || summary.records().last() == null
                ? ""
                : ", "
                    + TIME.format(summary.records().first())
                    + " to "
                    + TIME.format(summary.records().last())));
    item(
        "ensures",
        count(summary.ensures().count())
            + listed(summary.ensures().answers(), Function.identity())
            + (summary.ensures().open() == 0
                ? ""
                : ", " + count(summary.ensures().open()) + " open"));
    summary
        .ensures()
        .latencies()
        .forEach((outcome, latency) -> item("latency", text(outcome, latency)));
    summary.ensures().tooks().forEach((outcome, latency) -> item("took", text(outcome, latency)));
    item(
        "sessions",
        count(summary.sessions().ended())
            + listed(summary.sessions().reaps(), reason -> reason.wire())
            + (summary.sessions().open() == 0
                ? ""
                : ", " + count(summary.sessions().open()) + " open"));
    Summary.Commands commands = summary.commands();
    if (commands.count() > 0) {
      item(
          "commands",
          count(commands.count())
              + listed(commands.answers(), reason -> reason.wire())
              + (commands.open() == 0 ? "" : ", " + count(commands.open()) + " open"));
    }
    commands.latencies().forEach((r, latency) -> item("latency", text(r.wire(), latency)));
    long duplicates = summary.records().repeated().values().stream().mapToLong(n -> n).sum();
    note(duplicates, "duplicates" + listed(summary.records().repeated(), topic -> topic.named("")));
    note(summary.ensures().answeredAgain(), "repeated answers to ensures");
    note(summary.ensures().answersWithoutEnsure(), "answers to ensures not in the log");
    note(
        summary.ensures().answersBeforeEnsure(),
        "answers older than their ensure (the clocks differ)");
    note(summary.sessions().reapsWithoutReady(), "reaped events without a ready in the log");
    note(summary.sessions().activitiesOutside(), "activities without a sandbox");
    note(commands.answeredAgain(), "repeated answers to execs");
    note(commands.answersWithoutExec(), "answers to execs not in the log");
    note(commands.outputBytes(), "bytes of streamed output");
    note(summary.records().unreadable(), "records that are not valid events");
    note(summary.records().read().getOrDefault(Topic.DEAD_LETTER, 0L), "dead letters");
    item(
        "violations",
        summary.violationCount() == 0
            ? "none"
            : count(summary.violationCount()) + listed(summary.violations(), c -> c.label()));
  }

  private static String text(String outcome, Latency latency) {
    return outcome
        + ": p50 "
        + count(latency.p50())
        + " ms, p90 "
        + count(latency.p90())
        + " ms, p99 "
        + count(latency.p99())
        + " ms, p99.9 "
        + count(latency.p999())
        + " ms, max "
        + count(latency.max())
        + " ms";
  }

  private static <K> String listed(Map<K, Long> counts, Function<K, String> name) {
    Collection<String> parts =
        counts.entrySet().stream()
            .filter(each -> each.getValue() > 0)
            .map(each -> name.apply(each.getKey()) + " " + count(each.getValue()))
            .toList();
    return parts.isEmpty() ? "" : " (" + String.join(", ", parts) + ")";
  }

  private void note(long count, String what) {
    if (count > 0) {
      item("noted", count(count) + " " + what);
    }
  }

  private void item(String name, String text) {
    line(String.format("%-10s  %s", name, text));
  }

  private static String count(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }

  private void line(String text) {
    // not println, which would flush each of millions of lines
    out.print(EventText.plain(text) + "\n");
  }
}
