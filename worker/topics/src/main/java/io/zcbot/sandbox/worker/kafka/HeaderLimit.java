/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.CloudEvents;
import io.zcbot.sandbox.events.ReplyTo;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** Limits the headers that a record keeps, because each takes memory even if it is empty. */
public final class HeaderLimit {
  /** The header of records, and of dead letters, of which something is missing. */
  public static final String TRUNCATED = "zcbot_truncated";

  /** A record with more headers keeps only those that workers read. */
  static final int MOST = 2000;

  /** The headers that workers and the console read, of which the last counts. */
  static final Set<String> READ =
      Set.of(
          CloudEvents.ID,
          CloudEvents.CONTENT_TYPE,
          ReplyTo.HEADER,
          ForwardedFrom.HEADER,
          "traceparent",
          "tracestate",
          "baggage",
          CapacityHeader.HEADER,
          "zcbot_redriven",
          "zcbot_topic",
          "zcbot_partition",
          "zcbot_offset",
          "zcbot_error",
          "zcbot_error_field");

  private HeaderLimit() {}

  /** A record that has lost headers. A header would not do to tell it by: anybody can write one. */
  private static final class Cut extends ConsumerRecord<byte[], byte[]> {
    Cut(ConsumerRecord<byte[], byte[]> whole, Headers kept) {
      super(
          whole.topic(),
          whole.partition(),
          whole.offset(),
          whole.timestamp(),
          whole.timestampType(),
          whole.serializedKeySize(),
          whole.serializedValueSize(),
          whole.key(),
          whole.value(),
          kept,
          whole.leaderEpoch(),
          Optional.empty());
    }
  }

  /** Whether a record had headers that were not kept. */
  static boolean isCut(ConsumerRecord<byte[], byte[]> record) {
    return record instanceof Cut;
  }

  /** Whether that holds for any of these records. */
  public static boolean isAnyCut(ConsumerRecords<byte[], byte[]> records) {
    for (ConsumerRecord<byte[], byte[]> record : records) {
      if (isCut(record)) {
        return true;
      }
    }
    return false;
  }

  /** Returns a record, without the headers that nobody reads if it has too many. */
  public static ConsumerRecord<byte[], byte[]> within(ConsumerRecord<byte[], byte[]> record) {
    Header[] all = record.headers().toArray();
    return all.length <= MOST ? record : new Cut(record, lastOfThoseRead(all));
  }

  private static Headers lastOfThoseRead(Header[] all) {
    Headers kept = new RecordHeaders();
    Set<String> missing = new HashSet<>(READ);
    for (int i = all.length - 1; i >= 0 && !missing.isEmpty(); i--) {
      if (missing.remove(all[i].key())) {
        kept.add(all[i]);
      }
    }
    return kept.add(TRUNCATED, "true".getBytes(StandardCharsets.US_ASCII));
  }
}
