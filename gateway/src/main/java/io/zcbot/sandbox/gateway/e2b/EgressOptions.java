/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.Network;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What E2B's options say of the network, as what an ensure leaves of what the sandbox's profile
 * allows by name. With E2B as well, what is allowed restricts nothing unless all is denied.
 */
final class EgressOptions {
  private static final String ALL_TRAFFIC = "0.0.0.0/0";
  private static final String ACCESS = "allow_internet_access";

  private EgressOptions() {}

  /**
   * Returns what a sandbox is to reach; null if the options restrict nothing.
   *
   * @param body has {@code allow_internet_access}
   * @param network has {@code allowOut} and {@code denyOut}
   * @param prefix of the names of these two, for messages
   * @throws E2bException with 400 for what can't be expressed
   */
  static @Nullable Network of(JsonNode body, JsonNode network, String prefix) {
    List<String> denied = list(network, "denyOut", prefix);
    List<String> allowed = list(network, "allowOut", prefix);
    for (String each : denied) {
      if (!each.equals(ALL_TRAFFIC)) {
        throw new E2bException(
            400,
            prefix
                + "denyOut has '"
                + each
                + "', but this server denies all traffic or none; send '"
                + ALL_TRAFFIC
                + "', and in "
                + prefix
                + "allowOut the names that are allowed");
      }
    }
    if (denied.isEmpty() && Json.flag(body, ACCESS, true)) {
      return null;
    }
    try {
      return new Network(allowed);
    } catch (IllegalArgumentException e) {
      throw new E2bException(400, prefix + "allowOut is no list of names: " + e.getMessage());
    }
  }

  /** Tells of which options a refusal is, since what a worker says names none of them. */
  static E2bException explained(E2bException refusal, @Nullable Network network) {
    return refusal.status() == 400 && network != null && network.allow() != null
        ? new E2bException(
            400,
            "allow_internet_access: false or denyOut leaves what allowOut has: " + refusal.text())
        : refusal;
  }

  private static List<String> list(JsonNode network, String field, String prefix) {
    JsonNode node = network.path(field);
    List<String> entries = new ArrayList<>();
    if (node.isMissingNode() || node.isNull()) {
      return entries;
    }
    if (!node.isArray()) {
      throw new E2bException(400, prefix + field + " is not an array");
    }
    for (JsonNode each : node) {
      if (!each.isTextual()) {
        throw new E2bException(400, prefix + field + " has an element that is no string");
      }
      entries.add(each.asText().toLowerCase(Locale.ROOT));
    }
    return entries;
  }
}
