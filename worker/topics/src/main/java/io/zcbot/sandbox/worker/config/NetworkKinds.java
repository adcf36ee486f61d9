/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.config.Kind.RefusedException;
import io.zcbot.sandbox.worker.spec.AllowedName;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Types of settings that are network addresses. Host names are never resolved. */
final class NetworkKinds {
  private static final Pattern HOST_PORT =
      Pattern.compile("(\\[[0-9A-Fa-f:.]+]|[A-Za-z0-9.-]*):(\\d{1,5})");
  private static final Pattern IPV4 =
      Pattern.compile(
          "(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)");
  private static final Pattern IPV6 = Pattern.compile("[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*");

  private static final Pattern IPV4_PORT =
      Pattern.compile("(?<address>[0-9./]+):(?<port>[1-9]\\d{0,4})");
  private static final int MOST_ALLOWED = 1000;

  private NetworkKinds() {}

  static Kind<InetSocketAddress> listenAddress() {
    return new Kind<>(
        "an IP address or localhost, and a port, e.g. 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080",
        text -> {
          Matcher m = HOST_PORT.matcher(text);
          if (!m.matches() || Integer.parseInt(m.group(2)) > 65_535) {
            return null;
          }
          int port = Integer.parseInt(m.group(2));
          String host = m.group(1).replaceAll("[\\[\\]]", "");
          if (host.equals("localhost")) {
            return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
          }
          InetAddress address = literal(host);
          return address == null ? null : new InetSocketAddress(address, port);
        });
  }

  static Kind<List<String>> addresses() {
    return list(
        "IP addresses, separated by commas", "is not an IP address", NetworkKinds::isAddress);
  }

  static Kind<List<String>> addressesAndNetworks() {
    return list(
        "IP addresses and networks, separated by commas, e.g. 10.1.2.3,192.0.2.0/24,2001:db8::/32",
        "is neither an IP address nor a network in CIDR form (host names are not looked up)",
        NetworkKinds::isAddressOrNetwork);
  }

  /** Names of hosts, in lower case. */
  static Kind<List<String>> names() {
    return list(
        "names of hosts, separated by commas, e.g. mcp.example.com",
        "is not the name of a host in lower case",
        text -> text.matches("[a-z0-9_-]+(\\.[a-z0-9_-]+)*"));
  }

  static Kind<Dns> dns() {
    return new Kind<>(
        "IP addresses, separated by commas, or off",
        text -> {
          if (text.equalsIgnoreCase("off")) {
            return new Dns.Off();
          }
          List<String> resolvers = addresses().parse(text);
          return resolvers.isEmpty() ? new Dns.EngineDefault() : new Dns.Resolvers(resolvers);
        });
  }

  static Kind<Egress> egress() {
    return new Kind<>(
        "public, none, or what may be reached, separated by commas: IP addresses, networks, and names"
            + " of hosts such as pypi.org, *.pypi.org or github.com:443",
        text -> {
          if (text.equalsIgnoreCase("public")) {
            return new Egress.Public();
          }
          if (text.equalsIgnoreCase("none")) {
            return new Egress.None();
          }
          List<String> entries = allowed().parse(text);
          List<String> names = entries.stream().filter(NetworkKinds::isName).sorted().toList();
          List<String> networks = entries.stream().filter(entry -> !isName(entry)).toList();
          for (String network : networks) {
            refuseNeverOpened(network);
          }
          if (entries.isEmpty()) {
            return null;
          }
          return names.isEmpty() && networks.stream().allMatch(NetworkKinds::isAddressOrNetwork)
              ? new Egress.Only(networks)
              : new Egress.ByName(names, networks);
        });
  }

  /** The elements of an allow-list, of which each may have a port. */
  private static Kind<List<String>> allowed() {
    return new Kind<>(
        "at most " + MOST_ALLOWED + " IP addresses, networks and names of hosts",
        text -> {
          List<String> entries =
              list(
                      "IP addresses, networks and names of hosts, separated by commas, each with a"
                          + " port if only that may be reached, e.g."
                          + " 10.1.2.3,192.0.2.0/24:5432,*.pypi.org,github.com:443",
                      "is no IP address, no network in CIDR form (only IPv4 ones can have a port)"
                          + " and no name of a host with a dot",
                      entry -> isName(entry) || isAddressOrNetwork(withoutPort(entry)))
                  .parse(text.toLowerCase(Locale.ROOT));
          return entries.size() > MOST_ALLOWED ? null : entries;
        });
  }

  private static boolean isName(String entry) {
    return AllowedName.parse(entry) != null;
  }

  private static boolean isPort(@Nullable String port) {
    return port == null || Integer.parseInt(port) <= 65_535;
  }

  /** An address or network without its port; the entry itself if it has none that is valid. */
  private static String withoutPort(String entry) {
    Matcher address = IPV4_PORT.matcher(entry);
    return address.matches() && isPort(address.group("port")) ? address.group("address") : entry;
  }

  private static void refuseNeverOpened(String network) throws RefusedException {
    InetAddress address = literal(withoutPort(network).replaceFirst("/.*", ""));
    if (withoutPort(network).endsWith("/0")) {
      throw new RefusedException("'" + network + "' is every address; write public instead");
    }
    if (address == null
        || address.isLinkLocalAddress()
        || address.isLoopbackAddress()
        || address.isMulticastAddress()
        || address.isAnyLocalAddress()) {
      throw new RefusedException(
          "'"
              + network
              + "' can't be allowed, nor can any link-local, loopback or multicast address;"
              + " remove it");
    }
  }

  private static Kind<List<String>> list(
      String allowed, String complaint, Predicate<String> element) {
    return new Kind<>(
        allowed,
        text -> {
          LinkedHashSet<String> elements = new LinkedHashSet<>();
          for (String part : text.split("[,\\s]+", -1)) {
            if (part.isEmpty()) {
              continue;
            }
            if (!element.test(part)) {
              throw new RefusedException("'" + part + "' " + complaint + "; must be " + allowed);
            }
            elements.add(part);
          }
          return List.copyOf(elements);
        });
  }

  private static boolean isAddress(String text) {
    return literal(text) != null;
  }

  private static boolean isAddressOrNetwork(String text) {
    int slash = text.indexOf('/');
    if (slash < 0) {
      return isAddress(text);
    }
    InetAddress address = literal(text.substring(0, slash));
    String bits = text.substring(slash + 1);
    return address != null
        && bits.matches("0|[1-9]\\d{0,2}") // the firewall refuses leading zeros
        && Integer.parseInt(bits) <= address.getAddress().length * 8;
  }

  /** Parses an IPv4 or IPv6 literal; null for anything else, also for a host name. */
  private static @Nullable InetAddress literal(String text) {
    if (!IPV4.matcher(text).matches() && !IPV6.matcher(text).matches()) {
      return null;
    }
    try {
      InetAddress address = InetAddress.ofLiteral(text);
      // Java converts ::ffff:10.0.0.1 to IPv4, but ip6tables takes it as IPv6 that never matches.
      boolean mapped = text.indexOf(':') >= 0 && address.getAddress().length == 4;
      return mapped ? null : address;
    } catch (IllegalArgumentException _) {
      return null;
    }
  }
}
