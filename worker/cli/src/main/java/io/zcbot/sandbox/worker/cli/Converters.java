/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Durations;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Converts arguments of commands to values. */
final class Converters {
  /** The longest duration that is accepted, a century: safe for all arithmetic with it. */
  static final Duration LONGEST = Duration.ofDays(36_500);

  private Converters() {}

  static UserId user(String text) {
    try {
      return UserId.parse(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Parses an RFC 3339 time of the years that records may have.
   *
   * @throws DateTimeException if the text is not such a time
   */
  static Instant time(String text) {
    OffsetDateTime time = OffsetDateTime.parse(text).withOffsetSameInstant(ZoneOffset.UTC);
    if (time.getYear() < 0 || time.getYear() > 9999) {
      throw new TypeConversionException("write a time of the years 0000 to 9999, in UTC");
    }
    return time.toInstant();
  }

  static Duration duration(String text) {
    Duration duration = Durations.parse(text);
    if (duration == null || !duration.isPositive()) {
      throw new TypeConversionException("write a duration such as 300 (seconds), 90s, 5m or 2h");
    }
    if (duration.compareTo(LONGEST) > 0) {
      throw new TypeConversionException("write a duration of at most " + Durations.shown(LONGEST));
    }
    return duration;
  }

  /** Accepts what {@code ZCBOT_KAFKA_BOOTSTRAP_SERVERS} may be, roughly: the settings check it. */
  static final class Servers implements ITypeConverter<String> {
    private static final Pattern FORM = Pattern.compile("[^,\\s]+:\\d{1,5}(,[^,\\s]+:\\d{1,5})*");

    @Override
    public String convert(String text) {
      if (!FORM.matcher(text).matches()) {
        throw new TypeConversionException("write HOST:PORT, or several with commas between them");
      }
      return text;
    }
  }

  /** Parses a number of bytes, with or without a unit. */
  static final class Size implements ITypeConverter<Integer> {
    private static final Pattern FORM = Pattern.compile("(\\d{1,9})([km]?)");

    @Override
    public Integer convert(String text) {
      Matcher matcher = FORM.matcher(text.toLowerCase(Locale.ROOT));
      if (matcher.matches()) {
        long unit =
            switch (matcher.group(2)) {
              case "k" -> 1L << 10;
              case "m" -> 1L << 20;
              default -> 1L;
            };
        long size = Long.parseLong(matcher.group(1)) * unit;
        if (size <= Integer.MAX_VALUE) {
          return (int) size;
        }
      }
      throw new TypeConversionException("write a size such as 65536 (bytes), 512k or 4m");
    }
  }
}
