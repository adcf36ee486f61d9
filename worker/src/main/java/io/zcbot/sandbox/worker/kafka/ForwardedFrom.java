/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.Origin;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The original place of a forwarded record, which a header carries. The record's id and expiry
 * derive from it, and a record with this header is not forwarded again. Whoever reads requests has
 * to derive them from there, or an answer seems to be to another request.
 */
public final class ForwardedFrom {
  static final String HEADER = "zcbot_forwarded";

  /** Partition, offset and time in milliseconds. */
  private static final Pattern VALUE = Pattern.compile("(\\d{1,9})-(\\d{1,18})@(\\d{1,15})");

  private ForwardedFrom() {}

  /** Adds the header for a record that is about to be forwarded. */
  public static void add(Headers headers, ConsumerRecord<byte[], byte[]> record) {
    String value =
        record.partition() + "-" + record.offset() + "@" + Math.max(0, record.timestamp());
    headers.add(HEADER, value.getBytes(StandardCharsets.US_ASCII));
  }

  /** Whether a record has a valid header, so that it was forwarded before. */
  public static boolean isIn(ConsumerRecord<byte[], byte[]> record) {
    return match(record) != null;
  }

  /** The original place of a record: from the header, or else where it lies now. */
  public static Origin originOf(ConsumerRecord<byte[], byte[]> record) {
    Matcher from = match(record);
    Origin here = Origins.of(record);
    if (from == null) {
      return here;
    }
    // Anybody can write the header, but only to make the record older, not younger.
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
