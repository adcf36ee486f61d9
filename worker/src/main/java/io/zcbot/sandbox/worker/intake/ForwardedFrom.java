/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * Where a forwarded record lay first, as a header tells: its id and its expiry come from there, and
 * it is not forwarded once more.
 */
public final class ForwardedFrom {
  private static final String HEADER = "zcbot_forwarded";

  /** Partition, offset and time. */
  private static final Pattern VALUE = Pattern.compile("(\\d{1,9})-(\\d{1,18})@(\\d{1,15})");

  private ForwardedFrom() {}

  /** Notes where a record is forwarded from. */
  public static void add(Headers headers, ConsumerRecord<byte[], byte[]> record) {
    String value =
        record.partition() + "-" + record.offset() + "@" + Math.max(0, record.timestamp());
    headers.add(HEADER, value.getBytes(StandardCharsets.US_ASCII));
  }

  /** Whether a worker forwarded it. */
  static boolean isIn(ConsumerRecord<byte[], byte[]> record) {
    return match(record) != null;
  }

  /** Where the record lay first. */
  static Origin originOf(ConsumerRecord<byte[], byte[]> record) {
    Matcher from = match(record);
    Origin here = Origins.of(record);
    if (from == null) {
      return here;
    }
    // Whoever writes it himself can make his record older, but not younger.
    return here.at(
        Integer.parseInt(from.group(1)),
        Long.parseLong(from.group(2)),
        Instant.ofEpochMilli(Math.min(Long.parseLong(from.group(3)), record.timestamp())));
  }

  private static @Nullable Matcher match(ConsumerRecord<byte[], byte[]> record) {
    Header header = record.headers().lastHeader(HEADER);
    if (header == null || header.value() == null || header.value().length > 64) {
      return null;
    }
    Matcher matcher = VALUE.matcher(new String(header.value(), StandardCharsets.ISO_8859_1));
    return matcher.matches() ? matcher : null;
  }
}
