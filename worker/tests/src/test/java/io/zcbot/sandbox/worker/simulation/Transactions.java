/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.Random;
import java.util.SplittableRandom;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * In one of four histories, some of the agents' records belong to a transaction. It is committed or
 * aborted within half a minute, or stays open to the end. None of that concerns a worker, which
 * reads each record when it is in the log.
 */
final class Transactions {
  private static final int LONGEST_MS = 30_000;

  private final ModelBroker broker;
  private final Misfortunes.Story story;

  /**
   * Separate from the machine's random numbers, so that histories without transactions stay the
   * same.
   */
  private final Random random;

  private final boolean used;

  Transactions(ModelBroker broker, long seed, Misfortunes.Story story) {
    this.broker = broker;
    this.story = story;
    this.random = new Random(new SplittableRandom(~seed).nextLong());
    this.used = random.nextInt(4) == 0;
  }

  /** An agent wrote a record. */
  void written(ConsumerRecord<byte[], byte[]> record) {
    if (!used || random.nextInt(5) > 0) {
      return;
    }
    broker.open(record);
    String what = record.topic() + record.partition() + "@" + record.offset();
    if (random.nextInt(4) == 0) {
      story.tell("the transaction of " + what + " hangs");
      return;
    }
    boolean commit = random.nextBoolean();
    Duration length = Duration.ofMillis(random.nextInt(LONGEST_MS));
    story.tell(
        "the transaction of %s is %s after %s"
            .formatted(what, commit ? "committed" : "aborted", length));
    broker.machine.outside().after(length, () -> broker.end(record, commit));
  }
}
