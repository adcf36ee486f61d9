/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.junit.jupiter.api.Test;

/** Called as the Kafka client does: the key, then the value, with the headers of their record. */
class PollBudgetTest {
  private final PollBudget budget = new PollBudget(400);

  private void take(Headers headers, int... sizes) {
    for (int size : sizes) {
      assertThat(budget.deserialize("topic", headers, ByteBuffer.allocate(size))).hasSize(size);
    }
  }

  private void refuse(Headers headers, int size) {
    assertThatThrownBy(() -> take(headers, size)).isInstanceOf(SerializationException.class);
  }

  private static Headers headers(int size) {
    return new RecordHeaders().add("", new byte[size]);
  }

  @Test
  void keysValuesAndHeadersCount() {
    take(headers(30), 10, 20); // and 150 for the header
    take(headers(30), 10);
    refuse(headers(1), 0);
  }

  @Test
  void aRecordIsRefusedAtItsValueAndTakenInTheNextPoll() {
    take(headers(0), 10, 60);
    Headers refused = headers(0);
    take(refused, 10);
    refuse(refused, 60);
    budget.renew();
    take(refused, 10, 60);
  }

  @Test
  void theFirstRecordOfAPollIsTakenWhateverItsSize() {
    take(headers(500), 500, 500);
    refuse(headers(0), 1);
    budget.renew();
    take(headers(0), 500);
  }
}
