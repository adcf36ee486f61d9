/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Parses what an engine reports about itself. Engines leave many fields out; missing ones get a
 * default.
 */
record FactsReading(JsonNode info, JsonNode version) {
  EngineFacts facts() {
    List<String> options = new ArrayList<>();
    info.path("SecurityOptions").forEach(option -> options.add(option.asText()));
    Map<String, String> runtimes = new TreeMap<>();
    info.path("Runtimes")
        .properties()
        .forEach(e -> runtimes.put(e.getKey(), e.getValue().toString()));
    return new EngineFacts(
        new EngineFacts.Versions(
            version.path("Version").asText("unknown"),
            version.path("ApiVersion").asText("unknown"),
            info.path("KernelVersion").asText("unknown"),
            runc()),
        new EngineFacts.Cgroups(
            info.path("CgroupVersion").asInt(0),
            info.path("CgroupDriver").asText(""),
            unlimited(),
            weighsIo()),
        options,
        new EngineFacts.Runtimes(runtimes, info.path("DefaultRuntime").asText("")),
        new EngineFacts.Storage(
            info.path("Driver").asText("unknown"),
            backing(),
            info.path("DockerRootDir").asText("")),
        info.path("MemTotal").asLong(0),
        info.path("NCPU").asInt(0),
        info.path("LiveRestoreEnabled").asBoolean(),
        instant(info.path("SystemTime").asText("")));
  }

  private String runc() {
    for (JsonNode component : version.path("Components")) {
      if ("runc".equals(component.path("Name").asText())) {
        return component.path("Version").asText("");
      }
    }
    return "";
  }

  private List<String> unlimited() {
    List<String> missing = new ArrayList<>();
    if (!info.path("MemoryLimit").asBoolean()) {
      missing.add("memory");
    }
    if (!info.path("SwapLimit").asBoolean()) {
      missing.add("swap");
    }
    if (!info.path("CpuCfsQuota").asBoolean()) {
      missing.add("cpu");
    }
    if (!info.path("PidsLimit").asBoolean()) {
      missing.add("pids");
    }
    return missing;
  }

  /**
   * Whether weights of disk I/O are applied. With cgroup version 1 there is no warning, but kernels
   * since 5.0 have no such weight there.
   */
  private boolean weighsIo() {
    if (info.path("CgroupVersion").asInt(0) != 2) {
      return false;
    }
    for (JsonNode warning : info.path("Warnings")) {
      if (warning.asText().endsWith("No io.weight support")) {
        return false;
      }
    }
    return true;
  }

  private String backing() {
    for (JsonNode pair : info.path("DriverStatus")) {
      if ("Backing Filesystem".equals(pair.path(0).asText())) {
        return pair.path(1).asText();
      }
    }
    return "";
  }

  private static @Nullable Instant instant(String text) {
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException _) {
      return null;
    }
  }
}
