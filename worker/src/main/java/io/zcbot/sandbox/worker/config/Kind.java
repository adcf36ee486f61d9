/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A kind of setting: how its text is read, and what may be written.
 *
 * @param allowed completes «must be …»
 */
record Kind<T>(String allowed, Parser<T> parser) {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,15})(?:([kmgt])(?:i?b)?|b)?");
  private static final Pattern HOST_PORT =
      Pattern.compile("(\\[[0-9A-Fa-f:.]+]|[A-Za-z0-9.-]*):(\\d{1,5})");
  private static final Pattern IPV4 =
      Pattern.compile(
          "(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)");
  private static final Pattern IPV6 = Pattern.compile("[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*");
  private static final long KIB = 1024;

  /** Reads a text; null says that it is not allowed. */
  @FunctionalInterface
  interface Parser<T> {
    @Nullable T parse(String text) throws RefusedException;
  }

  /** A text is not allowed, and there is more to say about it than the kind itself says. */
  static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    RefusedException(String problem) {
      super(problem, null, false, false);
    }
  }

  T parse(String text) throws RefusedException {
    T value = parser.parse(text);
    if (value == null) {
      throw new RefusedException("must be " + allowed);
    }
    return value;
  }

  /** The same under another description. */
  Kind<T> as(String otherAllowed) {
    return new Kind<>(otherAllowed, parser);
  }

  static Kind<String> text(String allowed, String pattern) {
    Pattern compiled = Pattern.compile(pattern);
    return new Kind<>(allowed, text -> compiled.matcher(text).matches() ? text : null);
  }

  static Kind<Boolean> flag() {
    return new Kind<>(
        "true or false",
        text ->
            switch (text.toLowerCase(Locale.ROOT)) {
              case "true", "yes", "on", "1" -> true;
              case "false", "no", "off", "0" -> false;
              default -> null;
            });
  }

  static <E extends Enum<E>> Kind<E> oneOf(E[] values) {
    String names =
        Arrays.stream(values)
            .map(v -> v.name().toLowerCase(Locale.ROOT))
            .collect(Collectors.joining(", "));
    return new Kind<>(
        "one of " + names,
        text -> {
          for (E value : values) {
            if (value.name().equalsIgnoreCase(text)) {
              return value;
            }
          }
          return null;
        });
  }

  static Kind<Integer> count(int min, int max) {
    Kind<Long> number = wholeNumber(min, max);
    return new Kind<>(
        number.allowed(),
        text -> {
          Long value = number.parser().parse(text);
          return value == null ? null : Math.toIntExact(value);
        });
  }

  static Kind<Long> wholeNumber(long min, long max) {
    return new Kind<>(
        "a whole number from " + min + " to " + max,
        text -> {
          try {
            long value = Long.parseLong(text);
            return value >= min && value <= max ? value : null;
          } catch (NumberFormatException _) {
            return null;
          }
        });
  }

  /** A whole number from 1 to {@code max}, or -1. */
  static Kind<Integer> countOrBrokersDefault(int max) {
    Kind<Integer> count = count(-1, max);
    return new Kind<>(
        "a whole number from 1 to " + max + ", or -1 for the broker's default",
        text -> {
          Integer value = count.parser().parse(text);
          return value != null && value != 0 ? value : null;
        });
  }

  static Kind<Double> decimal(String min, String max) {
    BigDecimal least = new BigDecimal(min);
    BigDecimal most = new BigDecimal(max);
    return new Kind<>(
        "a number from " + min + " to " + max + ", e.g. 1.5",
        text -> {
          if (!text.matches("\\d{1,9}(\\.\\d{1,9})?")) {
            return null;
          }
          BigDecimal value = new BigDecimal(text);
          return value.compareTo(least) >= 0 && value.compareTo(most) <= 0
              ? value.doubleValue()
              : null;
        });
  }

  static Kind<Duration> duration(Duration min, Duration max) {
    return new Kind<>(
        "a duration from "
            + Durations.shown(min)
            + " to "
            + Durations.shown(max)
            + ", e.g. 300 (seconds), 90s, 5m, 2h or PT5M",
        text -> {
          Duration value = Durations.parse(text);
          return value != null && value.compareTo(min) >= 0 && value.compareTo(max) <= 0
              ? value
              : null;
        });
  }

  static <T> Kind<Optional<T>> orOff(Kind<T> kind) {
    return new Kind<>(
        kind.allowed() + ", or off",
        text -> {
          if (text.equalsIgnoreCase("off")) {
            return Optional.empty();
          }
          T value = kind.parser().parse(text);
          return value == null ? null : Optional.of(value);
        });
  }

  static Kind<Long> size(long min, long max) {
    return new Kind<>(
        "a size from " + shown(min) + " to " + shown(max) + ", e.g. 512m or 2g",
        text -> {
          Matcher m = SIZE.matcher(text.toLowerCase(Locale.ROOT));
          if (!m.matches()) {
            return null;
          }
          long value = Long.parseLong(m.group(1));
          long unit =
              switch (m.group(2)) {
                case "k" -> KIB;
                case "m" -> KIB * KIB;
                case "g" -> KIB * KIB * KIB;
                case "t" -> KIB * KIB * KIB * KIB;
                case null, default -> 1;
              };
          // Compared before multiplied: the product could overflow.
          return value <= max / unit && value * unit >= min ? value * unit : null;
        });
  }

  static Kind<Path> directory() {
    return new Kind<>(
        "an absolute path without . or .. that is not the root, e.g. /var/lib/zcbot/workspaces",
        text -> {
          try {
            Path path = Path.of(text);
            return path.isAbsolute() && path.getNameCount() > 0 && path.equals(path.normalize())
                ? path
                : null;
          } catch (InvalidPathException _) {
            return null;
          }
        });
  }

  /** An address to listen on. Takes no names, so that nothing is looked up. */
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

  /** The address of an engine, as some client of it takes it. */
  static Kind<String> engineAddress() {
    return text(
        "an address such as unix:///var/run/docker.sock, tcp://host:port or ssh://user@host",
        "(?:unix|npipe|tcp|http|https|ssh)://[\\p{Graph}&&[\\p{ASCII}]]{1,255}");
  }

  static Kind<List<String>> addresses() {
    return list("IP addresses, separated by commas", "is no IP address", Kind::isAddress);
  }

  static Kind<List<String>> addressesAndNetworks() {
    return list(
        "IP addresses and networks, separated by commas, e.g. 10.1.2.3,192.0.2.0/24,2001:db8::/32",
        "is neither an IP address nor a network in CIDR form (host names are not looked up)",
        Kind::isAddressOrNetwork);
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
        "public, none, or the IP addresses and networks that may be reached, separated by commas",
        text -> {
          if (text.equalsIgnoreCase("public")) {
            return new Egress.Public();
          }
          if (text.equalsIgnoreCase("none")) {
            return new Egress.None();
          }
          List<String> networks = addressesAndNetworks().parse(text);
          for (String network : networks) {
            refuseNeverOpened(network);
          }
          return networks.isEmpty() ? null : new Egress.Only(networks);
        });
  }

  private static void refuseNeverOpened(String network) throws RefusedException {
    InetAddress address = literal(network.replaceFirst("/.*", ""));
    if (network.endsWith("/0")) {
      throw new RefusedException("'" + network + "' is everything; that is public");
    }
    if (address == null
        || address.isLinkLocalAddress()
        || address.isLoopbackAddress()
        || address.isMulticastAddress()
        || address.isAnyLocalAddress()) {
      throw new RefusedException(
          "'"
              + network
              + "' is never opened, nor is any link-local, loopback or multicast address; leave it"
              + " out");
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
        && bits.matches("\\d{1,3}")
        && Integer.parseInt(bits) <= address.getAddress().length * 8;
  }

  /** An IPv4 or IPv6 literal; null for anything else, which is never looked up. */
  private static @Nullable InetAddress literal(String text) {
    if (!IPV4.matcher(text).matches() && !IPV6.matcher(text).matches()) {
      return null;
    }
    try {
      InetAddress address = InetAddress.ofLiteral(text);
      // Java turns ::ffff:10.0.0.1 into IPv4; ip6tables would take it as IPv6 that never matches.
      boolean mapped = text.indexOf(':') >= 0 && address.getAddress().length == 4;
      return mapped ? null : address;
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  /** A size the way it would be written here: in its largest whole unit. */
  static String shown(long bytes) {
    long rest = bytes;
    String unit = "";
    for (String larger : List.of("k", "m", "g", "t")) {
      if (rest == 0 || rest % KIB != 0) {
        break;
      }
      rest /= KIB;
      unit = larger;
    }
    return rest + unit;
  }
}
