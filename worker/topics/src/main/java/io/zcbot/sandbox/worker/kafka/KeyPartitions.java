/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Utils;

/**
 * Computes the partition of a user's records: murmur2 of the key, as in Kafka's Java producer.
 *
 * <p>Clients based on librdkafka (kcat, Python) use CRC32 by default. Without forwarding, their
 * records would put one user into two partitions, which two workers may own.
 */
public final class KeyPartitions {
  private final int count;

  public KeyPartitions(int count) {
    this.count = count;
  }

  /** The number of partitions. */
  public int count() {
    return count;
  }

  /** The partition of the user's records. */
  public int of(UserId user) {
    return of(user.toString().getBytes(StandardCharsets.US_ASCII));
  }

  public int of(byte[] key) {
    return Utils.toPositive(Utils.murmur2(key)) % count;
  }
}
