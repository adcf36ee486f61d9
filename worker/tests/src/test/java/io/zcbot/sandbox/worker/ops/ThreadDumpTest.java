/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.lanes.Lanes;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ThreadDumpTest {
  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 1);
  private final Health health = new Health();
  @TempDir private Path temporary;

  private List<Path> directories() throws IOException {
    try (Stream<Path> found = Files.list(temporary)) {
      return found.toList();
    }
  }

  @Test
  void aLaneThatIsStuckIsInAFileOnceACheckFails() throws Exception {
    AtomicReference<@Nullable String> overdue = new AtomicReference<>();
    health.onStandstill(new ThreadDump(temporary, now::get)::take);
    health.progress("ensures-overdue", overdue::get);
    UserId user = new UserId(UUID.randomUUID());
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (Lanes lanes = new Lanes(Duration.ofSeconds(10))) {
      lanes.submit(user, () -> waitFor(begun, end));
      assertThat(begun.await(60, TimeUnit.SECONDS)).isTrue();
      overdue.set("an ensure is overdue");
      health.readiness();
      await().untilAsserted(() -> assertThat(directories()).hasSize(1));
      Path directory = directories().getFirst();
      Path file = directory.resolve("threads.txt");
      await().untilAsserted(() -> assertThat(file).exists());
      await()
          .untilAsserted(
              () ->
                  assertThat(Files.readString(file))
                      .contains("\"lane-" + user + "\"", "ThreadDumpTest.waitFor"));
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
          .isEqualTo("rwx------");
      end.countDown();
    }
  }

  private static void waitFor(CountDownLatch begun, CountDownLatch end) {
    begun.countDown();
    try {
      assertThat(end.await(60, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** The JVM's own dump ends the process then, within some hundred tries (JDK-8364343). */
  @Test
  void aDumpDoesNotEndTheProcessWhileThreadsPark() throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    List<Thread> threads =
        IntStream.range(0, 100)
            .mapToObj(i -> Threads.start("parks-" + i, () -> park(isOver)))
            .toList();
    Path file = temporary.resolve("threads.txt");
    for (int i = 0; i < (InFullRuns.THIS_ONE ? 1_000 : 60); i++) {
      ThreadDump.writeTo(file);
    }
    assertThat(Files.readString(file)).contains("\"parks-7\"", "ThreadDumpTest.park");
    isOver.set(true);
    for (Thread thread : threads) {
      assertThat(thread.join(Duration.ofSeconds(60))).isTrue();
    }
  }

  private static void park(AtomicBoolean isOver) {
    for (int i = 0; !isOver.get(); i++) {
      LockSupport.parkNanos(1000 * (i % 50));
    }
  }

  @Test
  void thereIsOneInTenMinutes() {
    ThreadDump dump = new ThreadDump(temporary, now::get);
    assertThat(dump.isDue()).isTrue();
    assertThat(dump.isDue()).isFalse();
    now.addAndGet(Duration.ofMinutes(10).toNanos());
    assertThat(dump.isDue()).isTrue();
  }

  @Test
  void thereAreThreeInAll() throws Exception {
    ThreadDump dump = new ThreadDump(temporary, now::get);
    for (int i = 1; i <= 3; i++) {
      int dumps = i;
      dump.take();
      await().untilAsserted(() -> assertThat(directories()).hasSize(dumps));
      now.addAndGet(Duration.ofMinutes(10).toNanos());
    }
    dump.take();
    await()
        .during(Duration.ofMillis(500))
        .untilAsserted(() -> assertThat(directories()).hasSize(3));
  }

  @Test
  void aLiveCheckThatFailsIsAStandstill() throws Exception {
    AtomicLong seen = new AtomicLong();
    health.onStandstill(seen::incrementAndGet);
    health.live("loop", () -> "ended");
    health.ready("engine", () -> "does not answer");
    health.readiness();
    assertThat(seen).as("the threads do not tell why an engine is away").hasValue(0);
    health.liveness();
    assertThat(seen).hasValue(1);
  }

  /** Otherwise one outage would use up all dumps. */
  @Test
  void workThatWaitsForKafkaIsNoStandstill() throws Exception {
    AtomicLong seen = new AtomicLong();
    AtomicReference<@Nullable String> kafka = new AtomicReference<>("no broker answers");
    health.onStandstill(seen::incrementAndGet);
    health.progress("ensures-overdue", () -> "an ensure is overdue");
    health.ready("kafka-publish", kafka::get);
    health.readiness();
    assertThat(seen).hasValue(0);
    kafka.set(null);
    health.readiness();
    assertThat(seen).hasValue(1);
  }
}
