/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.EventFormatException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DiversionsTest {
  private final List<String> counted = new CopyOnWriteArrayList<>();

  private final IntakeMetrics metrics =
      new IntakeMetrics() {
        @Override
        public void deadLettered(String topic) {
          counted.add("dead letter of " + topic);
        }

        @Override
        public void forwarded(String topic) {
          counted.add("forwarded " + topic);
        }
      };

  /** An alert tells of dead letters, however they became some. */
  @ParameterizedTest
  @CsvSource({"0, forwarded topic", "1, dead letter of topic"})
  void whatIsForwardedCountsAsWhatBecameOfIt(int tooLarge, String expected) throws Exception {
    RecordForwarding forwarding =
        new RecordForwarding() {
          @Override
          public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why) {
            throw new AssertionError(why);
          }

          @Override
          public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition) {
            return tooLarge;
          }
        };
    CompletableFuture<Void> done = new CompletableFuture<>();
    try (Diversions diversions = new Diversions(forwarding, new InFlightBytes(1), metrics)) {
      diversions.forward(
          new ConsumerRecord<>("topic", 0, 0, new byte[1], new byte[1]),
          2,
          () -> done.complete(null));
      done.get(60, TimeUnit.SECONDS);
    }
    assertThat(counted).containsExactly(expected);
  }
}
