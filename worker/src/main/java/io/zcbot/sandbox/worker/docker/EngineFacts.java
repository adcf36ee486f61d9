package io.zcbot.sandbox.worker.docker;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What an engine says of itself and of the host it runs on ({@code /info} and {@code /version}).
 *
 * @param runcVersion empty where it isn't told
 * @param cgroupVersion 1 or 2; 0 where it isn't told
 * @param securityOptions as the engine writes them, for instance {@code name=seccomp,profile=…}
 * @param runtimes names of the OCI runtimes it knows
 * @param unlimited what it can't limit: memory, swap, cpu, pids
 * @param liveRestore whether containers outlive a restart of the engine
 * @param systemTime its clock when it answered; null where it isn't told
 */
public record EngineFacts(
    String version,
    String apiVersion,
    String kernel,
    String runcVersion,
    int cgroupVersion,
    List<String> securityOptions,
    Set<String> runtimes,
    String defaultRuntime,
    List<String> unlimited,
    boolean liveRestore,
    String storageDriver,
    String backingFilesystem,
    @Nullable Instant systemTime) {
  public EngineFacts {
    securityOptions = List.copyOf(securityOptions);
    runtimes = Set.copyOf(runtimes);
    unlimited = List.copyOf(unlimited);
  }

  /** Whether a security option is on, whatever its details. */
  public boolean has(String securityOption) {
    return option(securityOption) != null;
  }

  /** A security option with its details; null if it is off. */
  public @Nullable String option(String name) {
    for (String option : securityOptions) {
      if (option.equals("name=" + name) || option.startsWith("name=" + name + ",")) {
        return option;
      }
    }
    return null;
  }

  static EngineFacts of(JsonNode info, JsonNode version) {
    List<String> options = new ArrayList<>();
    info.path("SecurityOptions").forEach(option -> options.add(option.asText()));
    Set<String> runtimes = new TreeSet<>();
    info.path("Runtimes").fieldNames().forEachRemaining(runtimes::add);
    return new EngineFacts(
        version.path("Version").asText("unknown"),
        version.path("ApiVersion").asText("unknown"),
        info.path("KernelVersion").asText("unknown"),
        runc(version),
        info.path("CgroupVersion").asInt(0),
        options,
        runtimes,
        info.path("DefaultRuntime").asText(""),
        unlimited(info),
        info.path("LiveRestoreEnabled").asBoolean(),
        info.path("Driver").asText("unknown"),
        backing(info),
        instant(info.path("SystemTime").asText("")));
  }

  private static String runc(JsonNode version) {
    for (JsonNode component : version.path("Components")) {
      if ("runc".equals(component.path("Name").asText())) {
        return component.path("Version").asText("");
      }
    }
    return "";
  }

  private static List<String> unlimited(JsonNode info) {
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

  private static String backing(JsonNode info) {
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
