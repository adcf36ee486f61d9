/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Durations;
import io.zcbot.sandbox.worker.engine.Container;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Describes a user's sandbox and its recent events, for people and for programs. All texts in it
 * are untrusted.
 *
 * @param live the entry of the live table; null if there is no sandbox
 * @param commands null if unknown
 * @param isLastUseKnown whether the records of uses could be read
 * @param lastUse null if it is longer ago than the idle TTL, or unknown
 */
record UserDescription(
    UserId user,
    @Nullable LiveSandbox live,
    RecentEvents history,
    @Nullable Commands commands,
    boolean isLastUseKnown,
    @Nullable Instant lastUse,
    Instant now) {
  /**
   * The user's commands.
   *
   * @param running number of commands that are not answered yet
   * @param history execs and their ends
   */
  record Commands(int running, RecentEvents history) {}

  boolean hasSandbox() {
    return live != null;
  }

  /** Returns the sandbox's idle TTL; null if neither a ready that was read nor its entry has it. */
  static @Nullable Duration idleTtl(@Nullable LiveSandbox live, RecentEvents history) {
    Ready ready = live == null ? null : history.ready(live.containerId());
    Duration announced = ready == null ? null : ready.environment().idleTtl();
    return announced == null && live != null ? live.idleTtl() : announced;
  }

  String text(RecordFormat format) {
    StringBuilder text = new StringBuilder();
    line(text, "User:", user.toString());
    if (live == null) {
      line(text, "Sandbox:", "none");
    } else {
      sandbox(text, live);
    }
    line(text, "Last ensure:", lastEnsure());
    events(text, "Events:", "", history, format);
    if (commands != null) {
      String running = commands.running + " running, ";
      events(text, "Commands:", running, commands.history, format);
    }
    return text.toString();
  }

  private void events(
      StringBuilder text, String label, String before, RecentEvents of, RecordFormat format) {
    if (of.entries().isEmpty()) {
      line(text, label, before + "none since " + time(of.since()));
      return;
    }
    boolean areAll = of.entries().size() <= RecentEvents.WANTED;
    line(
        text,
        label,
        before
            + "the last "
            + of.newest().size()
            + (before.isEmpty() ? "" : " events")
            + (areAll ? ", all since " + time(of.since()) : ""));
    for (RecentEvents.Entry entry : of.newest()) {
      text.append("  ").append(format.withoutKey(entry.record())).append(System.lineSeparator());
    }
  }

  private void sandbox(StringBuilder text, LiveSandbox sandbox) {
    Ready ready = history.ready(sandbox.containerId());
    line(
        text,
        "Sandbox:",
        Container.nameOf(user) + " (" + EventText.shortId(sandbox.containerId()) + ")");
    line(text, "Profile:", sandbox.profile());
    String digest = ready == null ? null : ready.networkDigest();
    if (digest != null) {
      line(text, "May reach:", EventText.reach(sandbox.network()) + " (" + digest + ")");
    }
    line(text, "Host:", sandbox.host());
    line(text, "Worker:", sandbox.workerId());
    if (ready != null) {
      line(text, "Engine:", ready.environment().engine());
      line(text, "Image:", ready.environment().image());
    }
    line(text, "Since:", time(sandbox.openedAt()));
    line(text, "Last use:", lastUseText());
    line(text, "Idle TTL:", idle());
    if (sandbox.endsAt() != null) {
      line(text, "Ends:", RecordFormat.time(sandbox.endsAt()));
    }
    new TreeMap<>(sandbox.labels())
        .forEach((key, value) -> line(text, "Label:", key + "=" + value));
    for (RefusedEgress refused : sandbox.refused().reversed()) {
      line(text, "Refused:", refused(refused));
    }
  }

  private String refused(RefusedEgress refused) {
    return refused.protocol()
        + " to "
        + (refused.name() == null ? "no name" : refused.name())
        + " on port "
        + refused.port()
        + " ("
        + refused.reason()
        + "), "
        + time(refused.at());
  }

  private String lastUseText() {
    if (!isLastUseKnown) {
      return "not known, " + LastUses.WHY_UNKNOWN;
    }
    if (lastUse != null) {
      return time(lastUse);
    }
    return idleTtl(live, history) == null
        ? "none that was read; the idle TTL is not known"
        : "none within the idle TTL";
  }

  private String idle() {
    Duration ttl = idleTtl(live, history);
    if (ttl == null) {
      return "not known, no ready since " + time(history.since());
    }
    Duration left = left(ttl);
    return Durations.shown(ttl)
        + (left == null ? "" : ", at least " + Durations.rounded(left) + " left");
  }

  /**
   * Returns how much is left of the idle TTL at least; null if the last use is unknown. It may be
   * more, because the topics do not show commands that were run through the engine, which count as
   * use.
   */
  private @Nullable Duration left(Duration ttl) {
    if (!isLastUseKnown) {
      return null;
    }
    Duration left = lastUse == null ? Duration.ZERO : ttl.minus(Duration.between(lastUse, now));
    return left.isNegative() ? Duration.ZERO : left;
  }

  private String lastEnsure() {
    RecentEvents.Entry unanswered = history.unanswered();
    if (unanswered != null) {
      return time(unanswered.at()) + ", not answered, " + EventText.of(unanswered.event());
    }
    RecentEvents.Entry answer = history.lastAnswer();
    return answer == null
        ? "none since " + time(history.since())
        : time(answer.at())
            + ", "
            + answer.event().topic().named("")
            + ", "
            + EventText.of(answer.event());
  }

  private String time(Instant instant) {
    return RecordFormat.time(instant) + " (" + PsCommand.age(instant, now) + " ago)";
  }

  private static void line(StringBuilder text, String label, String value) {
    text.append(String.format("%-14s%s%n", label, EventText.plain(value)));
  }

  String json(RecordFormat format) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("user_id", user.toString());
    if (live == null) {
      json.putNull("sandbox");
    } else {
      json.set("sandbox", sandboxJson(live));
    }
    RecentEvents.Entry unanswered = history.unanswered();
    RecentEvents.Entry ensure = unanswered == null ? history.lastAnswer() : unanswered;
    if (ensure == null) {
      json.putNull("last_ensure");
      json.putNull("last_ensure_event");
    } else {
      json.put("last_ensure", unanswered == null ? topic(ensure) : "unanswered");
      json.set("last_ensure_event", format.node(ensure.record()));
    }
    json.put("events_since", history.since().toString());
    ArrayNode events = json.putArray("events");
    history.newest().forEach(entry -> events.add(format.node(entry.record())));
    if (commands == null) {
      json.putNull("commands_running");
    } else {
      json.put("commands_running", commands.running);
      json.put("command_events_since", commands.history.since().toString());
      ArrayNode ran = json.putArray("command_events");
      commands.history.newest().forEach(entry -> ran.add(format.node(entry.record())));
    }
    return JsonText.plain(json.toString()) + System.lineSeparator();
  }

  private static String topic(RecentEvents.Entry entry) {
    return entry.event().topic().named("");
  }

  private ObjectNode sandboxJson(LiveSandbox sandbox) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    Ready ready = history.ready(sandbox.containerId());
    Duration ttl = idleTtl(sandbox, history);
    Duration left = ttl == null ? null : left(ttl);
    json.put("container_name", Container.nameOf(user));
    json.put("container_id", sandbox.containerId());
    json.put("profile", sandbox.profile());
    List<String> allow = sandbox.network().allow();
    if (allow == null) {
      json.putNull("network_allow");
    } else {
      ArrayNode list = json.putArray("network_allow");
      allow.forEach(list::add);
    }
    json.put("network_digest", ready == null ? null : ready.networkDigest());
    json.put("host", sandbox.host());
    json.put("worker_id", sandbox.workerId());
    json.put("engine", ready == null ? null : ready.environment().engine());
    json.put("image", ready == null ? null : ready.environment().image());
    json.put("ready_at", sandbox.openedAt().toString());
    json.put("last_used_at", PsCommand.text(lastUse));
    json.put("idle_ttl_seconds", ttl == null ? null : ttl.toSeconds());
    json.put("idle_ttl_left_seconds", left == null ? null : left.toSeconds());
    json.put("ends_at", PsCommand.text(sandbox.endsAt()));
    ObjectNode labels = json.putObject("labels");
    new TreeMap<>(sandbox.labels()).forEach(labels::put);
    ArrayNode refusals = json.putArray("egress_refused");
    for (RefusedEgress refused : sandbox.refused().reversed()) {
      refusals
          .addObject()
          .put("at", refused.at().toString())
          .put("protocol", refused.protocol())
          .put("name", refused.name())
          .put("port", refused.port())
          .put("reason", refused.reason());
    }
    return json;
  }
}
