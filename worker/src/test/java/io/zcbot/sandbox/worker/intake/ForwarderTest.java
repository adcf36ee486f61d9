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

  private final InFlightBytes bytes = new InFlightBytes(MOST);
  private final Forwarder forwarder = new Forwarder(bytes);
  private final CountDownLatch log = new CountDownLatch(1);
  private final AtomicInteger done = new AtomicInteger();

  @AfterEach
  void close() {
    forwarder.close();
  }

  private static ConsumerRecord<byte[], byte[]> record(int bytes) {
    return new ConsumerRecord<>("topic", 0, 0, new byte[0], new byte[bytes]);
  }

  private void forward(ConsumerRecord<byte[], byte[]> record) {
    forwarder.forward(record, log::await, done::incrementAndGet);
  }

  @Test
  void isFullWhileSoManyBytesAreUnderWay() {
    for (int i = 0; i < 4; i++) {
      assertThat(bytes.isFull()).isFalse();
      forward(record(1 << 20));
    }
    assertThat(bytes.isFull()).isTrue();

    log.countDown();

    await().atMost(10, TimeUnit.SECONDS).until(() -> !bytes.isFull());
    await().atMost(10, TimeUnit.SECONDS).until(() -> done.get() == 4);
  }

  @Test
  void headersCountToo() {
    ConsumerRecord<byte[], byte[]> bomb = record(0);
    bomb.headers().add("x", new byte[MOST]);
    forward(bomb);
    assertThat(bytes.isFull()).isTrue();
  }

  @Test
  void emptyOnesCountForTheirThreads() {
    for (int i = 0; i < 1024; i++) {
      forward(new ConsumerRecord<>("topic", 0, 0, null, null));
    }
    assertThat(bytes.isFull()).isTrue();
  }

  @Test
  void whatFailsMakesRoomAndIsNotDone() {
    forwarder.forward(
        record(MOST),
        () -> {
          throw new IllegalStateException("thrown by the test");
        },
        done::incrementAndGet);
    await().atMost(10, TimeUnit.SECONDS).until(() -> !bytes.isFull());
    assertThat(done).hasValue(0);
  }
}
