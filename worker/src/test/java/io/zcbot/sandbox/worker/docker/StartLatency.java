/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the firewall costs a start: create and start to the ready line, the modes in turns. Not a
 * test; its main class prints milliseconds. The argument is the number of rounds.
 */
final class StartLatency {
  private StartLatency() {}

  public static void main(String[] args) throws Exception {
    int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 20;
    Map<String, NetworkPolicy> policies = new LinkedHashMap<>();
    policies.put("no network", policy(FirewallMode.HOST, new Egress.None()));
    for (FirewallMode mode : FirewallMode.values()) {
      policies.put(mode.name(), policy(mode, new Egress.Public()));
    }
    Map<String, List<Double>> millis = new LinkedHashMap<>();
    Path directory = Files.createTempDirectory("zcbot-latency-");
    try (EngineFixture fixture =
        EngineFixture.at(
            System.getenv().getOrDefault("DOCKER_HOST", "unix:///var/run/docker.sock"),
            directory)) {
      for (int round = -2; round < rounds; round++) {
        for (Map.Entry<String, NetworkPolicy> each : policies.entrySet()) {
          long began = System.nanoTime();
          Started started = fixture.start(fixture.withPolicy(each.getValue()));
          double took = (System.nanoTime() - began) / 1e6;
          fixture.engine.remove(started.id());
          if (round >= 0) {
            millis.computeIfAbsent(each.getKey(), _ -> new ArrayList<>()).add(took);
          }
        }
      }
    }
    millis.forEach(
        (name, all) -> {
          Collections.sort(all);
          System.out.printf(
              "%-10s p50 %.0f ms, p90 %.0f ms, least %.0f ms%n",
              name, all.get(all.size() / 2), all.get(all.size() * 9 / 10), all.getFirst());
        });
  }

  private static NetworkPolicy policy(FirewallMode firewall, Egress egress) {
    return EngineFixture.policy(firewall, egress, new Dns.EngineDefault());
  }
}
