/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Latency;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.result.Violation;
import io.zcbot.sandbox.worker.audit.whatif.Outcome;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Prints an audit's results as one JSON object per line, each with its {@code type}. */
final class JsonAuditReport implements AuditReport {

  private final PrintWriter out;
  private final String topicPrefix;
  private final boolean summaryOnly;

  JsonAuditReport(PrintWriter out, String topicPrefix, boolean summaryOnly) {
    this.out = out;
    this.topicPrefix = topicPrefix;
    this.summaryOnly = summaryOnly;
  }

  /** Returns the line for the outcome of supposed settings. */
  static String line(Outcome outcome) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("type", "what_if");
    json.put("settings", outcome.name());
    json.put("claimed", outcome.claims());
    json.put("created", outcome.creates());
    json.put("refused", outcome.refusals());
    json.put("evicted", outcome.evictions());
    json.put("peak", outcome.peak());
    json.put("sandbox_hours", outcome.sandboxHours());
    if (!Double.isNaN(outcome.slotHours())) {
      json.put("slot_hours", outcome.slotHours());
    }
    return JsonText.plain(json.toString());
  }

  @Override
  public void found(Observation finding) {
    switch (finding) {
      case Violation violation -> print(json(violation));
      case Session session -> {
        if (!summaryOnly) {
          print(json(session));
        }
      }
      case AuditedCommand command -> {
        if (!summaryOnly) {
          print(json(command));
        }
      }
      case AuditedEnsure ensure -> {
        if (!summaryOnly) {
          print(json(ensure));
        }
      }
    }
  }

  private ObjectNode json(Violation violation) {
    ObjectNode json = line("violation");
    json.put("check", violation.check().label());
    json.put("user_id", violation.user() == null ? null : violation.user().toString());
    json.put("text", violation.text());
    ArrayNode evidence = json.putArray("evidence");
    violation.evidence().forEach(position -> evidence.add(position.named(topicPrefix)));
    return json;
  }

  private ObjectNode json(Session session) {
    ObjectNode json = line("session");
    json.put("user_id", session.user().toString());
    json.put("container_id", session.containerId());
    json.put("profile", session.ready() == null ? null : session.ready().profile());
    json.put("host", session.host());
    json.put("worker_id", session.workerId());
    json.put("start", text(session.start()));
    json.put("end", text(session.end()));
    json.put("reason", session.reason() == null ? null : session.reason().wire());
    Duration lasted = session.lasted();
    json.put("lasted_ms", lasted == null ? null : lasted.toMillis());
    json.put("ensures", session.ensures());
    json.put("activities", session.activities());
    json.put("ready", position(session.ready() == null ? null : session.ready().position()));
    json.put("reaped", position(session.reaped() == null ? null : session.reaped().position()));
    return json;
  }

  private ObjectNode json(AuditedEnsure ensure) {
    ObjectNode json = line("ensure");
    json.put("user_id", ensure.user().toString());
    json.put("event_id", ensure.eventId());
    json.put("at", text(ensure.at()));
    json.put("ensure", position(ensure.position()));
    AuditedEnsure.Answer answer = ensure.answer();
    json.put("outcome", answer == null ? null : answer.outcome());
    json.put("container_id", answer == null ? null : answer.containerId());
    json.put("latency_ms", answer == null ? null : answer.latencyMs());
    json.put("took_ms", answer == null ? null : answer.tookMs());
    json.put("answer", answer == null ? null : position(answer.position()));
    return json;
  }

  private ObjectNode json(AuditedCommand command) {
    ObjectNode json = line("command");
    json.put("user_id", command.user().toString());
    json.put("exec_id", command.execId());
    json.put("at", text(command.at()));
    json.put("command", command.line());
    json.put("exec", position(command.position()));
    AuditedCommand.Answer answer = command.answer();
    json.put("reason", answer == null ? null : answer.reason().wire());
    json.put("exit_code", answer == null ? null : answer.exitCode());
    json.put("signal", answer == null ? null : answer.signal());
    json.put("oom_killed", answer == null ? null : answer.isOutOfMemory());
    json.put("container_id", answer == null ? null : answer.site().containerId());
    json.put("host", answer == null ? null : answer.site().host());
    json.put("worker_id", answer == null ? null : answer.site().workerId());
    json.put("latency_ms", answer == null ? null : answer.latencyMs());
    json.put("took_ms", answer == null ? null : answer.tookMs());
    json.put("cpu_ms", answer == null ? null : answer.cpuMs());
    json.put("outputs", answer == null ? null : answer.output().records());
    json.put("output_bytes", answer == null ? null : answer.output().bytes());
    json.put("truncated", answer == null ? null : answer.output().isCut());
    json.put("exited", answer == null ? null : position(answer.position()));
    return json;
  }

  @Override
  public void end(Summary summary) {
    ObjectNode json = line("summary");
    json.put("end", text(summary.end()));
    json.put("first", text(summary.records().first()));
    json.put("last", text(summary.records().last()));
    ObjectNode records = json.putObject("records");
    summary.records().read().forEach((topic, n) -> records.put(topic.named(topicPrefix), n));
    json.put("ensures", summary.ensures().count());
    json.put("unanswered", summary.ensures().open());
    ObjectNode answers = json.putObject("answers");
    summary.ensures().answers().forEach(answers::put);
    latencies(json.putObject("latency_ms"), summary.ensures().latencies());
    latencies(json.putObject("took_ms"), summary.ensures().tooks());
    json.put("sessions", summary.sessions().ended());
    json.put("open_sessions", summary.sessions().open());
    ObjectNode reaps = json.putObject("reaps");
    summary.sessions().reaps().forEach((reason, n) -> reaps.put(reason.wire(), n));
    ObjectNode duplicates = json.putObject("duplicates");
    for (Map.Entry<Topic, Long> each : summary.records().repeated().entrySet()) {
      duplicates.put(each.getKey().named(topicPrefix), each.getValue());
    }
    json.put("answered_again", summary.ensures().answeredAgain());
    json.put("answers_without_ensure", summary.ensures().answersWithoutEnsure());
    json.put("answers_before_ensure", summary.ensures().answersBeforeEnsure());
    json.put("reaps_without_ready", summary.sessions().reapsWithoutReady());
    json.put("activities_outside", summary.sessions().activitiesOutside());
    commands(json, summary.commands());
    json.put("unreadable", summary.records().unreadable());
    ObjectNode violations = json.putObject("violations");
    for (Map.Entry<Check, Long> each : summary.violations().entrySet()) {
      violations.put(each.getKey().label(), each.getValue());
    }
    print(json);
  }

  private static void commands(ObjectNode json, Summary.Commands commands) {
    json.put("commands", commands.count());
    json.put("unanswered_commands", commands.open());
    ObjectNode exits = json.putObject("exits");
    commands.answers().forEach((reason, n) -> exits.put(reason.wire(), n));
    Map<String, Latency> latencies = new TreeMap<>();
    commands.latencies().forEach((reason, latency) -> latencies.put(reason.wire(), latency));
    latencies(json.putObject("command_latency_ms"), latencies);
    json.put("output_bytes", commands.outputBytes());
    json.put("commands_answered_again", commands.answeredAgain());
    json.put("answers_without_exec", commands.answersWithoutExec());
  }

  private static void latencies(ObjectNode json, Map<String, Latency> of) {
    of.forEach(
        (outcome, latency) ->
            json.putObject(outcome)
                .put("count", latency.count())
                .put("p50", latency.p50())
                .put("p90", latency.p90())
                .put("p99", latency.p99())
                .put("p99.9", latency.p999())
                .put("max", latency.max()));
  }

  private static ObjectNode line(String type) {
    return JsonNodeFactory.instance.objectNode().put("type", type);
  }

  private static @Nullable String text(@Nullable Instant instant) {
    return instant == null ? null : instant.toString();
  }

  private @Nullable String position(@Nullable RecordPosition position) {
    return position == null ? null : position.named(topicPrefix);
  }

  private void print(ObjectNode json) {
    // not println, which would flush each of millions of lines
    out.print(JsonText.plain(json.toString()) + "\n");
  }
}
