/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A type of setting: parses a text and decides whether the value is allowed.
 *
 * @param allowed completes the sentence "must be …"
 * @param parser throws or returns null for a text that is not allowed
 */
record Kind<T>(String allowed, Parser<T> parser) {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,15})(?:([kmgt])(?:i?b)?|b)?");
  private static final long KIB = 1024;

  /** Parses a text; returns null if it is not allowed. */
  @FunctionalInterface
  interface Parser<T> {
    @Nullable T parse(String text) throws RefusedException;
  }

  /** A text is not allowed, for a reason that the kind's general description does not give. */
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

  /**
   * Returns this kind with a further condition, for example on another setting.
   *
   * @param otherwise the problem if the condition is not met
   */
  Kind<T> where(Predicate<T> condition, String otherwise) {
    return new Kind<>(
        allowed,
        text -> {
          T value = parser.parse(text);
          if (value != null && !condition.test(value)) {
            throw new RefusedException(otherwise);
          }
          return value;
        });
  }

  /** Returns this kind with another description. */
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

  static Kind<Duration> duration(String min, String max) {
    Duration least = Objects.requireNonNull(Durations.parse(min));
    Duration most = Objects.requireNonNull(Durations.parse(max));
    return new Kind<>(
        "a duration from " + min + " to " + max + ", e.g. 300 (seconds), 90s, 5m, 2h or PT5M",
        text -> {
          Duration value = Durations.parse(text);
          return value != null && value.compareTo(least) >= 0 && value.compareTo(most) <= 0
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

  static Kind<Long> size(String min, String max) {
    long least = Objects.requireNonNull(bytes(min));
    long most = Objects.requireNonNull(bytes(max));
    return new Kind<>(
        "a size from " + min + " to " + max + ", e.g. 512m or 2g",
        text -> {
          Long value = bytes(text);
          return value != null && value >= least && value <= most ? value : null;
        });
  }

  /** Parses a size; null if the text is not a size or exceeds a long. */
  private static @Nullable Long bytes(String text) {
    Matcher m = SIZE.matcher(text.toLowerCase(Locale.ROOT));
    if (!m.matches()) {
      return null;
    }
    long unit =
        switch (m.group(2)) {
          case "k" -> KIB;
          case "m" -> KIB * KIB;
          case "g" -> KIB * KIB * KIB;
          case "t" -> KIB * KIB * KIB * KIB;
          case null, default -> 1;
        };
    try {
      return Math.multiplyExact(Long.parseLong(m.group(1)), unit);
    } catch (ArithmeticException _) {
      return null;
    }
  }

  static Kind<String> imageReference() {
    return text("an image reference", "[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}");
  }

  static Kind<Path> path(String example) {
    return new Kind<>(
        "an absolute path without . or .. that is not the root, e.g. " + example,
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

  /** The address of an engine, in a form that some client of the engine supports. */
  static Kind<String> engineAddress() {
    return text(
        "an address such as unix:///var/run/docker.sock, tcp://host:port or ssh://user@host",
        "(?:unix|npipe|tcp|http|https|ssh)://[\\p{Graph}&&[\\p{ASCII}]]{1,255}");
  }

  /** Formats a size in its largest whole unit, as a setting would have it. */
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
