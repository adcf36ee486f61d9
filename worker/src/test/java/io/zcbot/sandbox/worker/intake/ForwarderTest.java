/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
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
  void whatIsForwardedInOrderWaitsForThoseOfItsKeyOnly() {
    List<String> written = new CopyOnWriteArrayList<>();
    forwardInOrder("anna", log::await, () -> written.add("anna 1"));
    forwardInOrder("anna", () -> written.add("anna 2"), () -> {});
    forwardInOrder("ben", () -> written.add("ben"), () -> {});

    await()
        .atMost(10, TimeUnit.SECONDS)
        .during(Duration.ofMillis(300))
        .until(() -> written.equals(List.of("ben")));
    log.countDown();

    await()
        .atMost(10, TimeUnit.SECONDS)
        .until(() -> written.equals(List.of("ben", "anna 1", "anna 2")));
    forwardInOrder("anna", () -> written.add("anna 3"), () -> {});
    await().atMost(10, TimeUnit.SECONDS).until(() -> written.contains("anna 3"));
  }

  @Test
  void whatFailsDoesNotHoldUpTheNextOfItsKey() {
    forwardInOrder(
        "anna",
        () -> {
          log.await();
          throw new AssertionError("thrown by the test");
        },
        done::incrementAndGet);
    forwardInOrder("anna", () -> {}, done::incrementAndGet);
    log.countDown();

    await().atMost(10, TimeUnit.SECONDS).until(() -> done.get() == 1);
  }

  private void forwardInOrder(String key, Forwarder.Task task, Runnable done) {
    forwarder.forwardInOrder(
        new ConsumerRecord<>("topic", 0, 0, key.getBytes(UTF_8), new byte[0]), task, done);
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
