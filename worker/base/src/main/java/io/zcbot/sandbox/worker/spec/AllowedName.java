/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An entry of an allow-list that is the name of a host ({@code host.example}) or of all below one
 * ({@code *.host.example}).
 *
 * @param host with the asterisk, if any
 * @param port the only one; null for those of TLS and HTTP
 */
public record AllowedName(String host, @Nullable Integer port) {
  /** At least two labels, of which the last is no number: nobody may take a name for an address. */
  private static final Pattern NAME =
      Pattern.compile(
          "(?<host>(?:\\*\\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\\.)+"
              + "(?=[a-z0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::(?<port>[1-9]\\d{0,4}))?");

  private static final List<Integer> USUAL_PORTS = List.of(443, 80);
  private static final int MAX_LENGTH = 240;
  private static final int MAX_PORT = 65_535;

  /** Returns the entry; null if the text is no name. */
  public static @Nullable AllowedName parse(String text) {
    Matcher name = NAME.matcher(text);
    if (text.length() > MAX_LENGTH || !name.matches()) {
      return null;
    }
    String port = name.group("port");
    if (port != null && Integer.parseInt(port) > MAX_PORT) {
      return null;
    }
    return new AllowedName(name.group("host"), port == null ? null : Integer.valueOf(port));
  }

  /** The ports at which it may be reached. */
  List<Integer> ports() {
    return port == null ? USUAL_PORTS : List.of(port);
  }

  /** Whether all that another entry reaches at a port is reached by this one. */
  boolean covers(AllowedName other, int at) {
    return ports().contains(at)
        && (host.equals(other.host)
            || (host.startsWith("*.") && other.host.endsWith(host.substring(1))));
  }
}
