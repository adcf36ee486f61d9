/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ForwarderTest {
  private static final int MOST = 4 << 20;
  private static final TopicPartition SOMEWHERE = new TopicPartition("dead-letters", 2);

  private final DiversionTargets targets = new DiversionTargets(Time.system());
  private final Forwarder forwarder = new Forwarder(this::publish, targets);
  private final List<String> begun = new CopyOnWriteArrayList<>();
  private final List<String> published = new CopyOnWriteArrayList<>();
  private final CountDownLatch log = new CountDownLatch(1);
  private final AtomicInteger done = new AtomicInteger();

  @AfterEach
  void close() {
    forwarder.close();
  }

  private boolean isFull() {
    return targets.bytes() >= MOST;
  }

  private static ConsumerRecord<byte[], byte[]> record(int bytes) {
    return new ConsumerRecord<>("topic", 0, 0, new byte[0], new byte[bytes]);
  }

  private void write(ConsumerRecord<byte[], byte[]> record) {
    forwarder.write(record, SOMEWHERE, log::await, done::incrementAndGet);
  }

  @Test
  void isFullWhileSoManyBytesAreUnderWay() {
    for (int i = 0; i < 4; i++) {
      assertThat(isFull()).isFalse();
      write(record(1 << 20));
    }
    assertThat(isFull()).isTrue();

    log.countDown();

    await().until(() -> !isFull());
    await().until(() -> done.get() == 4);
  }

  private void publish(List<ConsumerRecord<byte[], byte[]>> records, TopicPartition home)
      throws InterruptedException {
    List<String> values =
        records.stream().map(each -> new String(each.value(), UTF_8).strip()).toList();
    begun.add(values.getFirst());
    switch (values.getFirst()) {
      case "wait" -> log.await();
      case "fail" -> throw new AssertionError("thrown by the test");
      default -> {}
    }
    published.add(
        new String(records.getFirst().key(), UTF_8) + " to " + home.partition() + ": " + values);
  }

  private void forward(String key, String value) {
    forwarder.forward(
        new ConsumerRecord<>("topic", 0, 0, key.getBytes(UTF_8), value.getBytes(UTF_8)),
        2,
        done::incrementAndGet);
  }

  @Test
  void whatIsForwardedWaitsForThoseOfItsKeyOnlyAndIsThenPublishedTogether() {
    forward("anna", "wait");
    await().until(() -> begun.contains("wait"));
    forward("anna", "1");
    forward("anna", "2");
    forward("ben", "3");

    await().during(Duration.ofMillis(300)).until(() -> published.equals(List.of("ben to 2: [3]")));
    log.countDown();

    await().until(() -> done.get() == 4);
    assertThat(published)
        .containsExactly("ben to 2: [3]", "anna to 2: [wait]", "anna to 2: [1, 2]");
    forward("anna", "4");
    await().until(() -> done.get() == 5);
    assertThat(published).endsWith("anna to 2: [4]");
  }

  /** What fails has all behind it sent again. */
  @Test
  void whatIsPublishedTogetherIsBounded() {
    forward("anna", "wait");
    await().until(() -> begun.contains("wait"));
    for (int i = 1; i <= 3; i++) {
      forward("anna", i + " ".repeat(Forwarder.MAX_BATCH_BYTES * 2 / 5));
    }
    forward("anna", 4 + " ".repeat(Forwarder.MAX_BATCH_BYTES));
    log.countDown();

    await().until(() -> done.get() == 5);
    assertThat(published)
        .containsExactly(
            "anna to 2: [wait]", "anna to 2: [1, 2]", "anna to 2: [3]", "anna to 2: [4]");
  }

  @Test
  void whatFailsDoesNotHoldUpTheNextOfItsKey() {
    forward("anna", "fail");
    await().until(() -> begun.contains("fail"));
    forward("anna", "2");

    await().until(() -> done.get() == 1);
    assertThat(published).containsExactly("anna to 2: [2]");
  }

  @Test
  void headersCountToo() {
    ConsumerRecord<byte[], byte[]> bomb = record(0);
    bomb.headers().add("x", new byte[MOST]);
    write(bomb);
    assertThat(isFull()).isTrue();
  }

  @Test
  void emptyOnesCountForTheirThreads() {
    for (int i = 0; i < 1024; i++) {
      write(new ConsumerRecord<>("topic", 0, 0, null, null));
    }
    assertThat(isFull()).isTrue();
  }

  @Test
  void whatFailsMakesRoomAndIsNotDone() {
    forwarder.write(
        record(MOST),
        SOMEWHERE,
        () -> {
          throw new IllegalStateException("thrown by the test");
        },
        done::incrementAndGet);
    await().until(() -> !isFull());
    assertThat(done).hasValue(0);
  }
}
