/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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

  /**
   * Servers by their names, through a proxy on the host that reads the name which a connection asks
   * for; and networks, as of {@link Only}.
   *
   * @param names of hosts ({@code host.example}) or of all below one ({@code *.host.example}), each
   *     perhaps with a port; without one, 443 and 80; in lower case
   * @param networks IPv4 addresses and CIDRs, each perhaps with a TCP port, and IPv6 ones without
   */
  record ByName(List<String> names, List<String> networks) implements Egress {
    public ByName {
      names = List.copyOf(names);
      networks = List.copyOf(networks);
    }

    /** The value of the setting for the networks alone; empty if there are none. */
    public String networksText() {
      return String.join(",", networks);
    }
  }

  default String text() {
    return switch (this) {
      case Public _ -> "public";
      case None _ -> "none";
      case Only only -> String.join(",", only.networks);
      case ByName list ->
          Stream.concat(list.names.stream(), list.networks.stream())
              .collect(Collectors.joining(","));
    };
  }
}
