/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.util.List;

/** The DNS resolvers that sandboxes may use. */
public sealed interface Dns {
  /** The resolvers that the engine configures for its containers. */
  record EngineDefault() implements Dns {}

  /** No resolvers: port 53 is closed for all addresses. */
  record Off() implements Dns {}

  /**
   * Exactly these resolvers.
   *
   * @param addresses at least one
   */
  record Resolvers(List<String> addresses) implements Dns {
    public Resolvers {
      addresses = List.copyOf(addresses);
      if (addresses.isEmpty()) {
        throw new IllegalArgumentException(
            "the list of resolvers is empty; use Off or" + " EngineDefault");
      }
    }
  }

  /** The value of the setting; empty for the engine's default. */
  default String text() {
    return switch (this) {
      case EngineDefault _ -> "";
      case Off _ -> "off";
      case Resolvers resolvers -> String.join(",", resolvers.addresses);
    };
  }
}
