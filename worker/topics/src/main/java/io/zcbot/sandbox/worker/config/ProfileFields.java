/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The fields of a profile, and the settings that each replaces. So a profile has the kinds, the
 * bounds and the messages of the settings.
 */
final class ProfileFields {
  static final String ENVIRONMENT = "environment";
  static final String NETWORK = "network";
  static final String NETWORK_NAME = "network.name";

  private static final Map<String, String> SETTINGS = new LinkedHashMap<>();
  private static final List<String> LISTS =
      List.of("network.egress", "network.dns", "network.pg_ips");

  static {
    SETTINGS.put("image", "ZCBOT_SANDBOX_IMAGE");
    SETTINGS.put("runtime", "ZCBOT_SANDBOX_RUNTIME");
    SETTINGS.put("memory", "ZCBOT_SANDBOX_MEMORY");
    SETTINGS.put("cpus", "ZCBOT_SANDBOX_CPUS");
    SETTINGS.put("pids", "ZCBOT_SANDBOX_PIDS");
    SETTINGS.put("tmp", "ZCBOT_SANDBOX_TMP_SIZE");
    SETTINGS.put("io_weight", "ZCBOT_SANDBOX_IO_WEIGHT");
    SETTINGS.put("idle_ttl", "ZCBOT_SANDBOX_IDLE_TTL");
    SETTINGS.put("idle_ttl_min", "ZCBOT_SANDBOX_IDLE_TTL_MIN");
    SETTINGS.put("idle_ttl_max", "ZCBOT_SANDBOX_IDLE_TTL_MAX");
    SETTINGS.put("max_lifetime", "ZCBOT_SANDBOX_MAX_LIFETIME");
    SETTINGS.put("warm", "ZCBOT_SANDBOX_WARM");
    SETTINGS.put(NETWORK_NAME, "ZCBOT_SANDBOX_NETWORK");
    SETTINGS.put("network.egress", "ZCBOT_SANDBOX_EGRESS");
    SETTINGS.put("network.dns", "ZCBOT_SANDBOX_DNS");
    SETTINGS.put("network.pg_ips", "ZCBOT_PG_IPS");
    SETTINGS.put("network.flows", "ZCBOT_SANDBOX_FLOWS");
    SETTINGS.put("network.flow_rate", "ZCBOT_SANDBOX_FLOW_RATE");
    SETTINGS.put("network.bandwidth", "ZCBOT_SANDBOX_BANDWIDTH");
    SETTINGS.put("network.smtp", "ZCBOT_SANDBOX_SMTP");
  }

  private ProfileFields() {}

  /** The setting that a field replaces; null if there is no such field. */
  static @Nullable String setting(String field) {
    return SETTINGS.get(field);
  }

  /** The field that replaces a setting; null if there is none. */
  static @Nullable String field(String setting) {
    return SETTINGS.entrySet().stream()
        .filter(entry -> entry.getValue().equals(setting))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(null);
  }

  static boolean mayBeList(String field) {
    return LISTS.contains(field);
  }

  /** The field that a name was meant to be. */
  static String nearest(String name, String prefix) {
    TreeSet<String> known = new TreeSet<>(SETTINGS.keySet());
    known.add(ENVIRONMENT);
    known.add(NETWORK);
    return String.valueOf(Spelling.nearest(prefix + name, known, Integer.MAX_VALUE - 1));
  }

  /** Writes a message about settings in the words of the file, for the fields that it has. */
  static String inWordsOfTheFile(String message, Map<String, ?> given) {
    String said = message;
    for (String setting :
        given.keySet().stream().sorted((a, b) -> b.length() - a.length()).toList()) {
      String field = field(setting);
      if (field != null) {
        said = said.replace(setting, field);
      }
    }
    return said;
  }
}
