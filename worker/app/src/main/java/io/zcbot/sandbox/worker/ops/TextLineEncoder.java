/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.encoder.EncoderBase;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.StringJoiner;

/**
 * Encodes log events for people: one line each, with the MDC's entries in brackets, followed by
 * indented lines of the stack trace.
 *
 * <p>Much of the logged text is untrusted: event ids, entries of the live table, answers of the
 * engine. Therefore control characters are escaped everywhere, so that nobody can forge a line or
 * control the terminal that shows it.
 */
final class TextLineEncoder extends EncoderBase<ILoggingEvent> {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSX").withZone(ZoneOffset.UTC);
  private static final byte[] NOTHING = {};

  @Override
  public byte[] headerBytes() {
    return NOTHING;
  }

  @Override
  public byte[] encode(ILoggingEvent event) {
    String logger = event.getLoggerName();
    StringBuilder line =
        new StringBuilder(
            String.format(
                "%s %-5s %-16s ",
                TIME.format(event.getInstant()),
                event.getLevel(),
                logger.substring(logger.lastIndexOf('.') + 1)));
    escape(line, event.getFormattedMessage());
    StringJoiner context = new StringJoiner(", ", " [", "]").setEmptyValue("");
    event.getMDCPropertyMap().forEach((key, value) -> context.add(key + "=" + value));
    if (event.getKeyValuePairs() != null) {
      event.getKeyValuePairs().forEach(pair -> context.add(pair.key + "=" + pair.value));
    }
    escape(line, context.toString());
    line.append('\n');
    if (event.getThrowableProxy() != null) {
      ThrowableProxyUtil.asString(event.getThrowableProxy())
          .lines()
          .forEach(
              trace -> {
                line.append('\t');
                escape(line, trace.stripLeading());
                line.append('\n');
              });
    }
    return line.toString().getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public byte[] footerBytes() {
    return NOTHING;
  }

  private static void escape(StringBuilder line, String text) {
    text.chars()
        .forEach(
            c -> {
              switch (c) {
                case '\n' -> line.append("\\n");
                case '\r' -> line.append("\\r");
                case '\t' -> line.append("\\t");
                default -> {
                  if (isUnprintable((char) c)) {
                    line.append(String.format("\\u%04x", c));
                  } else {
                    line.append((char) c);
                  }
                }
              }
            });
  }

  private static boolean isUnprintable(char c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          true;
      default -> false;
    };
  }
}
