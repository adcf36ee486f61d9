/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.gateway.GatewayOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/** Looks from inside of a sandbox at how much of its processors, memory and disk is used. */
final class Samples {
  /** Prints one number in each line; what a kernel does not tell is 0. */
  private static final String SCRIPT =
      """
      cg() { cat "/sys/fs/cgroup/$1" 2>/dev/null || cat "/sys/fs/cgroup/$2" 2>/dev/null || echo 0; }
      cpu() {
        if [ -r /sys/fs/cgroup/cpu.stat ] && grep -q usage_usec /sys/fs/cgroup/cpu.stat; then
          awk '/^usage_usec/ { print $2 }' /sys/fs/cgroup/cpu.stat
        elif [ -r /sys/fs/cgroup/cpuacct/cpuacct.usage ]; then
          echo $(($(cat /sys/fs/cgroup/cpuacct/cpuacct.usage) / 1000))
        else
          echo 0
        fi
      }
      before=$(cpu); sleep 0.1; after=$(cpu)
      echo "cpu $((after - before))"
      echo "used $(cg memory.current memory/memory.usage_in_bytes)"
      echo "total $(cg memory.max memory/memory.limit_in_bytes)"
      df -B1 --output=used,size /workspace | awk 'END { print "diskUsed " $1; print "diskTotal " $2 }'
      """;

  private static final long INTERVAL_MICROS = 100_000;

  private final Sandboxes sandboxes;

  Samples(Sandboxes sandboxes) {
    this.sandboxes = sandboxes;
  }

  /** Takes one sample, in the form of E2B's daemon. */
  ObjectNode takeAsDaemon(SandboxView sandbox, GatewayOptions options, Instant now) {
    ObjectNode sample = take(sandbox, options, now);
    ObjectNode answer = Json.MAPPER.createObjectNode();
    answer.set("ts", sample.get("timestampUnix"));
    answer.set("cpu_count", sample.get("cpuCount"));
    answer.set("cpu_used_pct", sample.get("cpuUsedPct"));
    answer.set("mem_used", sample.get("memUsed"));
    answer.put("mem_used_mib", sample.get("memUsed").longValue() >> 20);
    answer.set("mem_total", sample.get("memTotal"));
    answer.put("mem_total_mib", sample.get("memTotal").longValue() >> 20);
    answer.set("mem_cache", sample.get("memCache"));
    answer.set("disk_used", sample.get("diskUsed"));
    answer.set("disk_total", sample.get("diskTotal"));
    return answer;
  }

  /** Takes one sample, which takes a tenth of a second. */
  ObjectNode take(SandboxView sandbox, GatewayOptions options, Instant now) {
    Map<String, Long> seen = new HashMap<>();
    try {
      Command command =
          Command.shell(SCRIPT)
              .onlyInExistingSandbox()
              .timeout(Duration.ofSeconds(5))
              .startWithin(Duration.ofSeconds(10));
      sandboxes
          .brokers()
          .use(() -> sandboxes.of(sandbox).run(command))
          .stdout()
          .lines()
          .map(line -> line.split(" ", -1))
          .filter(words -> words.length == 2 && words[1].matches("[0-9]{1,18}"))
          .forEach(words -> seen.put(words[0], Long.parseLong(words[1])));
    } catch (InterruptedException e) {
      throw Sandboxes.stopping();
    } catch (SandboxException e) {
      throw Sandboxes.unavailable(e);
    }
    long limit = (long) options.memoryMb() << 20;
    return Json.MAPPER
        .createObjectNode()
        .put("timestamp", now.toString())
        .put("timestampUnix", now.getEpochSecond())
        .put("cpuCount", options.cpus())
        .put(
            "cpuUsedPct",
            100.0 * seen.getOrDefault("cpu", 0L) / INTERVAL_MICROS / Math.max(1, options.cpus()))
        .put("memUsed", seen.getOrDefault("used", 0L))
        .put("memTotal", Math.min(limit, seen.getOrDefault("total", limit)))
        .put("memCache", 0)
        .put("diskUsed", seen.getOrDefault("diskUsed", 0L))
        .put("diskTotal", seen.getOrDefault("diskTotal", 0L));
  }
}
