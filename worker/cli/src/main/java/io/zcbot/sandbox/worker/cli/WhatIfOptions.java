/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.audit.whatif.Outcome;
import io.zcbot.sandbox.worker.audit.whatif.Picture;
import io.zcbot.sandbox.worker.audit.whatif.Supposed;
import io.zcbot.sandbox.worker.audit.whatif.WhatIf;
import io.zcbot.sandbox.worker.config.CapacityConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Warm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the audit that simulate workers with other settings for the users of a log. */
final class WhatIfOptions {
  private static final Map<String, String> KEYS =
      Map.of(
          "warm", "ZCBOT_SANDBOX_WARM",
          "ttl", "ZCBOT_SANDBOX_IDLE_TTL",
          "max", "ZCBOT_SANDBOX_MAX");

  @Option(
      names = "--what-if",
      paramLabel = "SETTINGS",
      description =
          "Instead of the audit, print what workers with these settings would have done, such as"
              + " warm=auto,ttl=10m,max=64 for each host. What is left out is as in this"
              + " environment, and the TTL as in the log. May be repeated.")
  private List<String> supposed = new ArrayList<>();

  @Option(
      names = "--picture",
      paramLabel = "FILE",
      description = "With --what-if, draw the sandboxes over time in this SVG file as well.")
  private @Nullable Path picture;

  @Option(
      names = "--profile",
      paramLabel = "NAME",
      description =
          "With --what-if, look at the sandboxes of this profile only, as if no others took places"
              + " of the host. Its warm slots, TTL and bounds are those of ZCBOT_PROFILES unless"
              + " they are supposed.")
  private @Nullable String profile;

  boolean isGiven() throws CommandException {
    if (profile != null && supposed.isEmpty()) {
      throw new CommandException(
          ExitCode.USAGE,
          "--profile selects what --what-if looks at; add --what-if warm=auto",
          null);
    }
    if (picture != null && supposed.isEmpty()) {
      throw new CommandException(
          ExitCode.USAGE, "--picture draws what --what-if finds; add --what-if warm=auto", null);
    }
    return !supposed.isEmpty();
  }

  /** Returns the supposed settings, validated as a worker's are. */
  List<Supposed> settings(Map<String, String> env) throws CommandException {
    List<Supposed> all = new ArrayList<>();
    for (String text : supposed) {
      Map<String, String> changed = new HashMap<>(env);
      boolean hasTtl = false;
      boolean hasWarm = false;
      for (String each : text.split(",", -1)) {
        String[] pair = each.strip().split("=", 2);
        String key = KEYS.get(pair[0]);
        if (key == null || pair.length < 2 || pair[1].isEmpty()) {
          throw new CommandException(
              ExitCode.USAGE,
              "--what-if does not know "
                  + each.strip()
                  + "; write some of warm=…, ttl=… and max=…, such as warm=auto,ttl=10m,max=64",
              null);
        }
        hasTtl |= pair[0].equals("ttl");
        hasWarm |= pair[0].equals("warm");
        changed.put(key, pair[1]);
      }
      if (hasTtl) { // the bounds of ensures' TTLs may contradict the supposed TTL
        changed.remove("ZCBOT_SANDBOX_IDLE_TTL_MIN");
        changed.remove("ZCBOT_SANDBOX_IDLE_TTL_MAX");
      }
      all.add(supposed(text, Cli.config(changed), hasTtl, hasWarm));
    }
    return all;
  }

  private Supposed supposed(String text, WorkerConfig config, boolean hasTtl, boolean hasWarm)
      throws CommandException {
    CapacityConfig capacity = config.capacity();
    Profile selected = selected(config);
    Warm warm =
        (selected == null || hasWarm ? capacity.warm : selected.warm())
            .on(capacity.maxSandboxes, Integer.MAX_VALUE);
    Duration usualTtl =
        selected == null || hasTtl ? config.reaper().idleTtl : selected.idleTtls().usual();
    return new Supposed(
        text,
        warm.least(),
        warm.most(),
        hasTtl ? config.reaper().idleTtl : null,
        usualTtl,
        capacity.maxSandboxes,
        config.reaper().evictAfter);
  }

  /** Returns the profile that is looked at, if this environment says what it is. */
  private @Nullable Profile selected(WorkerConfig config) throws CommandException {
    if (profile == null) {
      return null;
    }
    if (!ProfileName.isValid(profile)) {
      throw new CommandException(
          ExitCode.USAGE, "--profile: no profile can be named " + profile, null);
    }
    return config.profiles().find(profile);
  }

  /** Replays the log for each of the settings, and prints the outcomes. */
  void run(LogSource source, CommandContext context, boolean json)
      throws CommandException, IOException {
    WhatIf whatIf = new WhatIf(settings(context.console().env()), profile);
    ReplayProgress progress = new ReplayProgress(context.console());
    List<Outcome> outcomes;
    try {
      outcomes = whatIf.run(source, (records, share) -> progress.at(share, records));
    } finally {
      progress.end();
    }
    context.console().out().print(json ? json(outcomes) : table(outcomes));
    context.console().out().flush();
    Path file = picture;
    if (file != null) {
      try {
        Files.writeString(file, Picture.of(outcomes));
      } catch (IOException e) {
        throw new CommandException(
            ExitCode.USAGE, "could not write the picture to " + file + ": " + e, e);
      }
    }
  }

  private static String table(List<Outcome> outcomes) {
    Table table =
        new Table(
            "SETTINGS",
            "CLAIMED",
            "CREATED",
            "REFUSED",
            "SHARE",
            "EVICTED",
            "PEAK",
            "SANDBOX-HOURS",
            "SLOT-HOURS");
    for (Outcome each : outcomes) {
      table.add(
          each.name(),
          Long.toString(each.claims()),
          Long.toString(each.creates()),
          Long.toString(each.refusals()),
          number(100 * each.share(), " %"),
          Long.toString(each.evictions()),
          Integer.toString(each.peak()),
          number(each.sandboxHours(), ""),
          number(each.slotHours(), ""));
    }
    return table.text();
  }

  private static String number(double value, String unit) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.1f%s", value, unit);
  }

  private static String json(List<Outcome> outcomes) {
    StringBuilder lines = new StringBuilder();
    for (Outcome each : outcomes) {
      lines.append(JsonAuditReport.line(each)).append(System.lineSeparator());
    }
    return lines.toString();
  }
}
