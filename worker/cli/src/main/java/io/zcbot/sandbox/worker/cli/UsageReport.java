/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.usage.UsageFold.By;
import io.zcbot.sandbox.worker.audit.usage.Used;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Prints what was used, each row as soon as it is known. A row consists of a user's id or a date
 * and of numbers, so it contains no untrusted text.
 */
sealed interface UsageReport {
  void row(String key, Used used);

  void end(Used total, Facts facts);

  /**
   * Facts about the sums.
   *
   * @param sandboxesSince when the records of sandboxes begin; null if none were deleted
   * @param commandsSince when the records of commands begin; null if none were deleted
   * @param open number of sandboxes that existed at the end
   * @param withoutBeginning number of sandboxes that are older than their first record
   * @param withoutCpu number of commands without CPU time
   * @param withoutExec number of commands that are left out, because only their end is in the log
   * @param unproved number of violations by which the log contradicts the sums, or may
   * @param older number of violations that are too old to matter
   */
  record Facts(
      Instant from,
      Instant to,
      @Nullable Instant sandboxesSince,
      @Nullable Instant commandsSince,
      long open,
      long withoutBeginning,
      long withoutCpu,
      long withoutExec,
      Map<Check, Long> unproved,
      Map<Check, Long> older) {}

  /** Prints aligned columns and a total. */
  record Text(PrintWriter out, By by) implements UsageReport {
    private static final String ROW = "%-36s  %9s  %9s  %15s  %9s  %11s  %15s\n";

    public Text {
      out.printf(
          ROW,
          by.name(),
          "SANDBOXES",
          "CLAIMS",
          "SANDBOX SECONDS",
          "COMMANDS",
          "CPU SECONDS",
          "OUTPUT BYTES");
    }

    @Override
    public void row(String key, Used used) {
      out.printf(
          Locale.ROOT,
          ROW,
          key,
          used.sandboxes(),
          used.claims(),
          seconds(used.sandboxMs()),
          used.commands(),
          seconds(used.cpuMs()),
          used.outputBytes());
    }

    @Override
    public void end(Used total, Facts facts) {
      row("total", total);
      out.print("\n");
      UsageReport.print(facts, out);
    }
  }

  /** Prints comma-separated values; notes go to another writer, because they are not rows. */
  record Csv(PrintWriter out, PrintWriter notes, By by) implements UsageReport {
    public Csv {
      out.print(key(by) + ",sandboxes,claims,sandbox_seconds,commands,cpu_seconds,output_bytes\n");
    }

    @Override
    public void row(String key, Used used) {
      out.print(
          key
              + ","
              + used.sandboxes()
              + ","
              + used.claims()
              + ","
              + seconds(used.sandboxMs())
              + ","
              + used.commands()
              + ","
              + seconds(used.cpuMs())
              + ","
              + used.outputBytes()
              + "\n");
    }

    @Override
    public void end(Used total, Facts facts) {
      UsageReport.print(facts, notes);
    }
  }

  /** Prints one JSON object per line; the last one is the total. */
  record Json(PrintWriter out, By by) implements UsageReport {
    private static final JsonMapper JSON = new JsonMapper();

    @Override
    public void row(String key, Used used) {
      ObjectNode json = JSON.createObjectNode().put("type", "usage");
      json.put(key(by), key);
      out.print(with(json, used) + "\n");
    }

    @Override
    public void end(Used total, Facts facts) {
      ObjectNode json = JSON.createObjectNode().put("type", "total");
      json.put("from", facts.from.equals(Instant.EPOCH) ? null : facts.from.toString());
      json.put("to", facts.to.toString());
      with(json, total);
      json.put("sandboxes_since", text(facts.sandboxesSince));
      json.put("commands_since", text(facts.commandsSince));
      json.put("sandboxes_open", facts.open);
      json.put("sandboxes_without_beginning", facts.withoutBeginning);
      json.put("commands_without_cpu", facts.withoutCpu);
      json.put("exits_without_exec", facts.withoutExec);
      ObjectNode unproved = json.putObject("violations");
      facts.unproved.forEach((check, n) -> unproved.put(check.label(), n));
      ObjectNode older = json.putObject("older_violations");
      facts.older.forEach((check, n) -> older.put(check.label(), n));
      out.print(json + "\n");
    }

    private static ObjectNode with(ObjectNode json, Used used) {
      json.put("sandboxes", used.sandboxes()).put("claims", used.claims());
      json.put("sandbox_seconds", seconds(used.sandboxMs())).put("commands", used.commands());
      return json.put("cpu_seconds", seconds(used.cpuMs())).put("output_bytes", used.outputBytes());
    }

    private static @Nullable String text(@Nullable Instant time) {
      return time == null ? null : time.toString();
    }
  }

  private static String key(By by) {
    return switch (by) {
      case USER -> "user_id";
      case DAY -> "day";
      case PROFILE -> "profile";
    };
  }

  private static void print(Facts facts, PrintWriter to) {
    String from = facts.from.equals(Instant.EPOCH) ? "the beginning" : facts.from.toString();
    item(to, "time", from + " to " + facts.to);
    since(to, "sandboxes", facts.sandboxesSince, facts.from);
    since(to, "commands", facts.commandsSince, facts.from);
    note(to, facts.open, "sandboxes were there at the end, and are counted up to it");
    note(
        to, facts.withoutBeginning, "sandboxes are older than their first record, counted from it");
    note(to, facts.withoutCpu, "commands have no processor time");
    note(to, facts.withoutExec, "ends of commands without their exec, not counted");
    facts.older.forEach(
        (check, n) ->
            note(to, n, "violations of " + check.label() + " are too old to change these sums"));
    facts.unproved.forEach(
        (check, n) ->
            item(to, "unproved", n + " violations of " + check.label() + ", see 'sandbox audit'"));
  }

  private static void since(PrintWriter to, String what, @Nullable Instant since, Instant from) {
    if (since != null && since.isAfter(from)) {
      item(to, "noted", "older records of " + what + " are deleted, complete since " + since);
    }
  }

  private static void note(PrintWriter to, long count, String what) {
    if (count > 0) {
      item(to, "noted", count + " " + what);
    }
  }

  private static void item(PrintWriter to, String name, String text) {
    to.print(String.format("%-10s  %s\n", name, text));
  }

  private static BigDecimal seconds(long ms) {
    return BigDecimal.valueOf(ms, 3);
  }
}
