/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The names that the console answers to. Ports are not compared, because they may be mapped. */
final class OwnNames {
  private static final Pattern HOST =
      Pattern.compile("(\\[[0-9a-f:.]+]|[a-z0-9._-]+)(?::\\d{1,5})?");

  private final Set<String> names =
      new HashSet<>(Set.of("localhost", "127.0.0.1", written("[::1]")));

  OwnNames(InetSocketAddress address, @Nullable URI url) {
    if (!address.getAddress().isAnyLocalAddress()) {
      String literal = address.getAddress().getHostAddress();
      names.add(literal.contains(":") ? "[" + literal + "]" : literal);
    }
    if (url != null && url.getHost() != null) {
      names.add(written(url.getHost()));
    }
  }

  /** A name as it is compared: browsers write IPv6 addresses in the short form, Java does not. */
  private static String written(String name) {
    if (!name.startsWith("[")) {
      return name.toLowerCase(Locale.ROOT);
    }
    try {
      String literal = name.substring(1, name.length() - 1);
      return "[" + InetAddress.ofLiteral(literal).getHostAddress() + "]";
    } catch (IllegalArgumentException _) {
      return name;
    }
  }

  /** Whether a request has exactly one Host header, with one of these names. */
  boolean include(@Nullable List<String> headers) {
    if (headers == null || headers.size() != 1) {
      return false;
    }
    Matcher host = HOST.matcher(headers.getFirst().toLowerCase(Locale.ROOT));
    return host.matches() && names.contains(written(host.group(1)));
  }
}
