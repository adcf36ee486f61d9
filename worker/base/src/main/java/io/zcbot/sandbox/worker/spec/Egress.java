/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.util.List;

/** What sandboxes may reach. */
public sealed interface Egress {
  /** Every public address. */
  record Public() implements Egress {}

  /** Nothing: a sandbox has no network. */
  record None() implements Egress {}

  /**
   * Exactly these networks, including private ones if they are named; never the host's own
   * addresses or link-local ones, among them the clouds' metadata.
   *
   * @param networks addresses and CIDRs, at least one
   */
  record Only(List<String> networks) implements Egress {
    public Only {
      networks = List.copyOf(networks);
      if (networks.isEmpty()) {
        throw new IllegalArgumentException("the allow-list is empty; use None");
      }
    }
  }

  default String text() {
    return switch (this) {
      case Public _ -> "public";
      case None _ -> "none";
      case Only only -> String.join(",", only.networks);
    };
  }
}
