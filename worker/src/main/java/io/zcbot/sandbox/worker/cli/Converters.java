/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Durations;
import java.time.Duration;
import picocli.CommandLine.TypeConversionException;

/** Converters for arguments that are not plain text. */
final class Converters {
  private Converters() {}

  static UserId user(String text) {
    try {
      return UserId.parse(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(String.valueOf(e.getMessage()));
    }
  }

  static Duration duration(String text) {
    Duration duration = Durations.parse(text);
    if (duration == null || !duration.isPositive()) {
      throw new TypeConversionException("write a duration such as 300 (seconds), 90s, 5m or 2h");
    }
    return duration;
  }
}
