/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Utils;

/**
 * The partition that a user's records belong to: murmur2 of the key, as Kafka's Java producer does
 * it.
 *
 * <p>Clients on librdkafka (kcat, Python) use CRC32 unless told otherwise. Without a correction,
 * their records would put one user into two partitions, which two workers may own.
 */
public final class KeyPartitions {
  private final int count;

  public KeyPartitions(int count) {
    this.count = count;
  }

  /** How many there are. */
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
