/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class RecordDispatcherTest {
  private static final int PARTITIONS = 4;
  private static final UserId ANNA = new UserId(new UUID(1, 1));

  private final KeyPartitions homes = new KeyPartitions(PARTITIONS);
  private final int home = homes.of(ANNA);
  private final OffsetTracker progress = new OffsetTracker(0);
  private final Lease lease = new Lease(Time.system());
  private final List<Runnable> lane = new ArrayList<>();
  private final List<String> diverted = new CopyOnWriteArrayList<>();
  private EnsureIntake.Work work = EnsureRequest::fence;
  private int offset;

  private final RecordForwarding diversions =
      new RecordForwarding() {
        @Override
        public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why) {
          diverted.add("dead letter " + record.offset());
        }

        @Override
        public void forward(SandboxEvent event, int partition) {
          diverted.add("forwarded to " + partition);
        }
      };

  private final RecordDispatcher reception =
      new RecordDispatcher(
          homes,
          Duration.ofSeconds(60),
          (_, task) -> lane.add(task),
          request -> work.ensure(request),
          diversions,
          lease,
          Time.system(),
          IntakeMetrics.NONE);

  @BeforeEach
  void ownThePartition() {
    progress.takeOver();
  }

  @AfterEach
  void close() {
    reception.close();
    assertThat(Thread.interrupted()).as("the lane's thread").isFalse();
  }

  private void accept(int partition, String value) {
    reception.accept(
        new ConsumerRecord<>(
            "sandbox.ensure",
            partition,
            offset++,
            ANNA.toString().getBytes(UTF_8),
            value.getBytes(UTF_8)),
        progress);
    progress.advanceTo(offset);
  }

  private void acceptEnsure(int partition) {
    accept(partition, "{\"user_id\":\"" + ANNA + "\"}");
  }

  @Test
  void anEnsureIsDoneOnceItsWorkReturns() {
    lease.renew();
    acceptEnsure(home);
    assertThat(progress.committable()).isEmpty();
    lane.forEach(Runnable::run);
    assertThat(progress.committable()).hasValue(1);
  }

  @Test
  void anEnsureInTheWrongPartitionIsSentOnAndThenDone() {
    acceptEnsure((home + 1) % PARTITIONS);
    await().until(() -> progress.committable().isPresent());
    assertThat(diverted).containsExactly("forwarded to " + home);
    assertThat(lane).isEmpty();
  }

  @Test
  void whatIsNoEnsureBecomesADeadLetterAndIsThenDone() {
    accept(home, "{");
    await().until(() -> progress.committable().isPresent());
    assertThat(diverted).containsExactly("dead letter 0");
    assertThat(lane).isEmpty();
  }

  @Test
  void ensuresFillItUntilTheyAreDone() {
    lease.renew();
    for (int i = 0; i < 300; i++) {
      accept(home, "{\"user_id\":\"" + ANNA + "\",\"unknown\":\"" + "x".repeat(60_000) + "\"}");
    }
    assertThat(lane).hasSize(300);
    assertThat(reception.isFull()).isTrue();
    lane.forEach(Runnable::run);
    assertThat(reception.isFull()).isFalse();
    assertThat(progress.committable()).hasValue(300);
  }

  @Test
  void whatDoesNotBeginMakesRoomAsWell() {
    for (int i = 0; i < 5000; i++) {
      acceptEnsure(home);
    }
    assertThat(reception.isFull()).as("small ones count for their threads").isTrue();
    progress.revoke();
    lane.forEach(Runnable::run);
    assertThat(reception.isFull()).isFalse();
  }

  @Test
  void whatClosedLanesRefuseMakesRoomAsWell() {
    RecordDispatcher closed =
        new RecordDispatcher(
            homes,
            Duration.ofSeconds(60),
            (_, _) -> false,
            request -> work.ensure(request),
            diversions,
            lease,
            Time.system(),
            IntakeMetrics.NONE);
    try (closed) {
      for (int i = 0; i < 5000; i++) {
        closed.accept(
            new ConsumerRecord<>(
                "sandbox.ensure",
                home,
                i,
                ANNA.toString().getBytes(UTF_8),
                ("{\"user_id\":\"" + ANNA + "\"}").getBytes(UTF_8)),
            progress);
      }
      assertThat(closed.isFull()).isFalse();
    }
  }

  @Test
  void whatHasNotBegunWhenThePartitionGoesDoesNotBegin() {
    work =
        _ -> {
          throw new AssertionError("began");
        };
    acceptEnsure(home);
    progress.revoke();
    lane.forEach(Runnable::run);
    assertThat(progress.committable()).isEmpty();
  }

  /** What the fence stopped is not done; yet the lane has more to do than this ensure. */
  @Test
  void whatLosesItsPartitionWhileItWaitsAtTheFenceStaysOpenAndSparesTheLane() {
    work =
        request -> {
          progress.lose();
          request.fence().pass();
        };
    acceptEnsure(home);
    lane.forEach(Runnable::run);
    assertThat(progress.committable()).isEmpty();
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
  }

  /** Where the worker itself stops, the lane has to see it. */
  @Test
  void aStopInterruptsTheLane() {
    work =
        _ -> {
          throw new InterruptedException("the worker stops");
        };
    acceptEnsure(home);
    lane.forEach(Runnable::run);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(progress.committable()).isEmpty();
  }
}
