/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Settings of the console, and of the worker's link to it. */
public final class ConsoleConfig {
  public final InetSocketAddress address;

  /** Null for {@code off}. */
  public final @Nullable URI url;

  ConsoleConfig(SettingsReader in) {
    address =
        in.get(
            "ZCBOT_CONSOLE_ADDRESS",
            "127.0.0.1:8090",
            NetworkKinds.listenAddress(),
            "Address on which `sandbox console` serves its page. Whoever reaches it sees all users'"
                + " ids and commands.");
    Optional<URI> reached =
        in.get(
            "ZCBOT_CONSOLE_URL",
            "off",
            Kind.orOff(url()),
            "Where people reach the console. The worker's status page names it, and the console"
                + " answers to that name besides those of its own address.");
    url = reached.orElse(null);
  }

  private static Kind<URI> url() {
    return new Kind<>(
        "a URL, e.g. http://127.0.0.1:8090 or https://console.example",
        text -> {
          try {
            URI url = new URI(text);
            boolean isHttp = "http".equals(url.getScheme()) || "https".equals(url.getScheme());
            return isHttp && url.getHost() != null ? url : null;
          } catch (URISyntaxException _) {
            return null;
          }
        });
  }
}
