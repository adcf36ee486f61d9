/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/**
 * Which records are wanted.
 *
 * @param from earliest record time, inclusive; null for the beginning
 * @param to latest record time, inclusive; null for the end
 * @param user whose records, by their key; null for everybody's
 */
public record Selection(@Nullable Instant from, @Nullable Instant to, @Nullable UserId user) {
  public static final Selection ALL = new Selection(null, null, null);

  /** Made once: the test is run for each record. */
  Test test() {
    return new Test(
        from == null ? Long.MIN_VALUE : from.toEpochMilli(),
        to == null ? Long.MAX_VALUE : to.toEpochMilli(),
        user == null ? null : user.toString().getBytes(StandardCharsets.US_ASCII));
  }

  /** The end of the selection, if that is before the end of the log. */
  Instant end(Instant ofLog) {
    return to != null && to.isBefore(ofLog) ? to : ofLog;
  }

  static final class Test {
    private final long from;
    private final long to;
    private final byte @Nullable [] key;

    private Test(long from, long to, byte @Nullable [] key) {
      this.from = from;
      this.to = to;
      this.key = key;
    }

    boolean includes(ConsumerRecord<byte[], byte[]> record) {
      return record.timestamp() >= from
          && record.timestamp() <= to
          && (key == null || Arrays.equals(key, record.key()));
    }
  }
}
