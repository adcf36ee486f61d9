/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one address reaches through the proxy for names.
 *
 * @param names of those of the network, each as in its policy; null for all of them
 */
record EgressPolicy(@Nullable List<String> names) {
  EgressPolicy {
    names = names == null ? null : List.copyOf(names);
  }

  /** As the proxy's script reads it (sandbox-image/egress/policies.sh). */
  String text() {
    return names == null ? "*" : "," + String.join(",", names) + (names.isEmpty() ? "" : ",");
  }

  /** Whether all that another one reaches is surely reached by this one. */
  boolean covers(EgressPolicy other) {
    return names == null || (other.names != null && new HashSet<>(names).containsAll(other.names));
  }
}
