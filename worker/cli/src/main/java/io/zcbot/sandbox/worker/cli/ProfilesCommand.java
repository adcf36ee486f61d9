/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.Durations;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.Warm;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The command {@code profiles}: lists the profiles of the operator's file, and how many sandboxes
 * of each run, by the live table.
 */
@Command(
    name = "profiles",
    description = {
      "List the profiles of the operator's file: what their sandboxes are made of, how many warm"
          + " slots each worker keeps, and how many sandboxes run on all hosts.",
      "The file is checked as a worker does; the exit code is 78 if it is not valid. The last number"
          + " comes from the topics, the others from the file and the settings."
    })
final class ProfilesCommand implements Callable<Integer> {
  private final CommandContext context;

  @Option(
      names = "--file",
      paramLabel = "FILE",
      description = "The file of profiles (default: ZCBOT_PROFILES).")
  private @Nullable Path file;

  @Option(
      names = "--running",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Count the sandboxes that run (default), or use no Kafka.")
  private boolean running;

  @Option(names = "--json", description = "Print one JSON array.")
  private boolean json;

  ProfilesCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException {
    WorkerConfig config =
        context.configWith(file == null ? Map.of() : Map.of("ZCBOT_PROFILES", file.toString()));
    Map<String, Long> counts = running ? counts(config) : null;
    context.console().out().print(json ? json(config, counts) : table(config, counts));
    context.console().out().flush();
    return ExitCode.OK;
  }

  private static Map<String, Long> counts(WorkerConfig config) throws CommandException {
    try (KafkaLog log = new KafkaLog(config.kafka());
        RangeReader reader = log.ranges(Topic.LIVE)) {
      try {
        return LiveEntries.all(reader).values().stream()
            .collect(
                Collectors.groupingBy(LiveSandbox::profile, TreeMap::new, Collectors.counting()));
      } catch (KafkaException e) {
        throw log.failed("read the live table", e);
      }
    }
  }

  private static String table(WorkerConfig config, @Nullable Map<String, Long> counts) {
    Table table =
        new Table(
            "PROFILE",
            "IMAGE",
            "RUNTIME",
            "MEMORY",
            "CPUS",
            "PIDS",
            "EGRESS",
            "NETWORK",
            "IDLE TTL",
            "LIFETIME",
            "WARM",
            "RUNNING");
    for (Profile profile : config.profiles().all()) {
      SandboxSpec spec = profile.spec();
      Duration lifetime = profile.maxLifetime();
      table.add(
          profile.name(),
          EventText.plain(spec.image()),
          runtime(spec),
          (spec.limits().memoryBytes() >> 20) + "m",
          String.format(Locale.ROOT, "%s", spec.limits().cpus()),
          Long.toString(spec.limits().pids()),
          EventText.plain(spec.policy().egress().text()),
          spec.policy().hasNetwork() ? EventText.plain(spec.network()) : "-",
          Durations.shown(profile.idleTtls().usual()),
          lifetime == null ? "-" : Durations.shown(lifetime),
          warm(profile.warm()),
          counts == null ? "-" : counts.getOrDefault(profile.name(), 0L).toString());
    }
    return table.text();
  }

  private static String runtime(SandboxSpec spec) {
    String runtime = spec.runtime();
    return runtime == null ? "default" : EventText.plain(runtime);
  }

  private static String warm(Warm warm) {
    if (warm.equals(Warm.AUTO)) {
      return "auto";
    }
    return warm.goesByDemand() ? warm.least() + "-" + warm.most() : Integer.toString(warm.least());
  }

  private static String json(WorkerConfig config, @Nullable Map<String, Long> counts) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (Profile profile : config.profiles().all()) {
      SandboxSpec spec = profile.spec();
      Duration lifetime = profile.maxLifetime();
      ObjectNode json = array.addObject();
      json.put("profile", profile.name());
      json.put("image", spec.image());
      json.put("runtime", spec.runtime());
      json.put("memory_bytes", spec.limits().memoryBytes());
      json.put("cpus", spec.limits().cpus());
      json.put("pids", spec.limits().pids());
      json.put("egress", spec.policy().egress().text());
      json.put("network", spec.policy().hasNetwork() ? spec.network() : null);
      json.put("idle_ttl_seconds", profile.idleTtls().usual().toSeconds());
      json.put("max_lifetime_seconds", lifetime == null ? null : lifetime.toSeconds());
      json.put("warm_least", profile.warm().least());
      json.put("warm_most", profile.warm().most());
      json.put("spec", spec.hash());
      ArrayNode variables = json.putArray("environment"); // names: values may be secret
      profile.environment().keySet().stream().sorted().forEach(variables::add);
      json.put("running", counts == null ? null : counts.getOrDefault(profile.name(), 0L));
    }
    return JsonText.plain(array.toString()) + System.lineSeparator();
  }
}
