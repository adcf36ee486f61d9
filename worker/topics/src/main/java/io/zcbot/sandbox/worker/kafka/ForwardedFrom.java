/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The original position of a forwarded record, which a header carries. The record's expiry derives
 * from it, and its id unless it is an exec. A record with this header is not forwarded again.
 * Whoever reads requests has to derive them from there, or an answer seems to be to another
 * request.
 *
 * <p>Anybody can write the header. So it counts only if it names another partition than the
 * record's, as workers forward no record to where it lies. And it never gives an exec an id: one
 * that names the position of somebody's exec would take that exec's place.
 */
public final class ForwardedFrom {
  public static final String HEADER = "zcbot_forwarded";

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

  /**
   * The origin of a record: its original position from the header, or else where it lies now.
   *
   * @param topic the topic of the record, without its prefix
   */
  public static Origin originOf(ConsumerRecord<byte[], byte[]> record, Topic topic) {
    Matcher from = match(record);
    Origin here = Origins.of(record);
    if (from == null) {
      return here;
    }
    // The header can make the record older, not younger.
    Instant time =
        Instant.ofEpochMilli(Math.min(Long.parseLong(from.group(3)), record.timestamp()));
    return topic == Topic.EXEC
        ? here.at(here.partition(), here.offset(), time)
        : here.at(partition(from), Long.parseLong(from.group(2)), time);
  }

  private static int partition(Matcher from) {
    return Integer.parseInt(from.group(1));
  }

  private static @Nullable Matcher match(ConsumerRecord<byte[], byte[]> record) {
    Header header = record.headers().lastHeader(HEADER);
    if (header == null || header.value() == null || header.value().length > 64) {
      return null;
    }
    Matcher matcher = VALUE.matcher(new String(header.value(), StandardCharsets.ISO_8859_1));
    return matcher.matches() && partition(matcher) != record.partition() ? matcher : null;
  }
}
