/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The header of the live table's records that tells how many sandboxes a host takes. It is for
 * people who watch the fleet; nothing depends on it.
 */
public final class CapacityHeader {
  static final String HEADER = "zcbot_places";
  private static final int MOST = 1_000_000;

  private CapacityHeader() {}

  public static void add(Headers headers, int capacity) {
    headers.add(HEADER, Integer.toString(capacity).getBytes(StandardCharsets.US_ASCII));
  }

  /** Reads the header; null if it is missing or invalid. */
  public static @Nullable Integer of(ConsumerRecord<?, ?> record) {
    Header header = record.headers().lastHeader(HEADER);
    try {
      return header == null || header.value() == null
          ? null
          : Math.clamp(
              Integer.parseInt(new String(header.value(), StandardCharsets.US_ASCII)), 0, MOST);
    } catch (NumberFormatException _) {
      return null;
    }
  }
}
