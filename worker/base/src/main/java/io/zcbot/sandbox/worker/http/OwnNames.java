/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.http;

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

/**
 * The names that a server answers to. A browser would give its answers to a page of another site
 * whose name resolves to the server's address (DNS rebinding). Ports are not compared, because they
 * may be mapped.
 */
public final class OwnNames {
  private static final Pattern HOST =
      Pattern.compile("(\\[[0-9a-f:.]+]|[a-z0-9._-]+)(?::\\d{1,5})?");

  private final Set<String> names =
      new HashSet<>(Set.of("localhost", "127.0.0.1", written("[::1]")));

  /** Whether names that no site of the internet can have are accepted as well. */
  private final boolean acceptsLocal;

  private OwnNames(InetSocketAddress address, boolean acceptsLocal) {
    this.acceptsLocal = acceptsLocal;
    if (!address.isUnresolved() && !address.getAddress().isAnyLocalAddress()) {
      String literal = address.getAddress().getHostAddress();
      names.add(literal.contains(":") ? "[" + literal + "]" : literal);
    }
  }

  /**
   * The names of a server that people open in a browser: its address, the loopback, and where
   * people reach it.
   *
   * @param url where people reach it, if not at the address itself
   */
  public static OwnNames forPeople(InetSocketAddress address, @Nullable URI url) {
    OwnNames own = new OwnNames(address, false);
    if (url != null && url.getHost() != null) {
      own.names.add(written(url.getHost()));
    }
    return own;
  }

  /**
   * The names of a server that programs ask: probes and scrapers use whatever address of the host
   * they know, the name of its service in a container network, or its host's name. What a site's
   * name can't be is accepted: any address, a name without a dot, and no name at all, as in HTTP
   * 1.0, since browsers send one.
   *
   * @param host the name of the host
   */
  public static OwnNames forPrograms(InetSocketAddress address, String host) {
    OwnNames own = new OwnNames(address, true);
    own.names.add(written(address.getHostString()));
    own.names.add(written(host));
    return own;
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

  /** Whether a request that has these Host headers is for this server. */
  public boolean include(@Nullable List<String> headers) {
    if (headers == null || headers.isEmpty()) {
      return acceptsLocal;
    }
    if (headers.size() > 1) {
      return false;
    }
    Matcher host = HOST.matcher(headers.getFirst().toLowerCase(Locale.ROOT));
    if (!host.matches()) {
      return false;
    }
    String name = host.group(1);
    return names.contains(written(name)) || (acceptsLocal && isLocal(name));
  }

  private static boolean isLocal(String name) {
    return !name.contains(".") || isAddress(name);
  }

  private static boolean isAddress(String name) {
    try {
      var _ =
          InetAddress.ofLiteral(name.startsWith("[") ? name.substring(1, name.length() - 1) : name);
      return true;
    } catch (IllegalArgumentException _) {
      return false;
    }
  }
}
