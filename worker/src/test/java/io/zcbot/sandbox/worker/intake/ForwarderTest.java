/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class ForwarderTest {
  private static final int MOST = 4 << 20;

  private final HeldBytes held = new HeldBytes(MOST);
  private final Forwarder diverter = new Forwarder(held);
  private final CountDownLatch log = new CountDownLatch(1);
  private final AtomicInteger done = new AtomicInteger();

  @AfterEach
  void close() {
    diverter.close();
  }

  private static ConsumerRecord<byte[], byte[]> record(int bytes) {
    return new ConsumerRecord<>("topic", 0, 0, new byte[0], new byte[bytes]);
  }

  private void divert(ConsumerRecord<byte[], byte[]> record) {
    diverter.divert(record, log::await, done::incrementAndGet);
  }

  @Test
  void isFullWhileSoManyBytesAreUnderWay() {
    for (int i = 0; i < 4; i++) {
      assertThat(held.isFull()).isFalse();
      divert(record(1 << 20));
    }
    assertThat(held.isFull()).isTrue();

    log.countDown();

    await().atMost(10, TimeUnit.SECONDS).until(() -> !held.isFull());
    await().atMost(10, TimeUnit.SECONDS).until(() -> done.get() == 4);
  }

  @Test
  void headersCountToo() {
    ConsumerRecord<byte[], byte[]> bomb = record(0);
    bomb.headers().add("x", new byte[MOST]);
    divert(bomb);
    assertThat(held.isFull()).isTrue();
  }

  @Test
  void emptyOnesCountForTheirThreads() {
    for (int i = 0; i < 1024; i++) {
      divert(new ConsumerRecord<>("topic", 0, 0, null, null));
    }
    assertThat(held.isFull()).isTrue();
  }

  @Test
  void whatFailsMakesRoomAndIsNotDone() {
    diverter.divert(
        record(MOST),
        () -> {
          throw new IllegalStateException("thrown by the test");
        },
        done::incrementAndGet);
    await().atMost(10, TimeUnit.SECONDS).until(() -> !held.isFull());
    assertThat(done).hasValue(0);
  }
}
