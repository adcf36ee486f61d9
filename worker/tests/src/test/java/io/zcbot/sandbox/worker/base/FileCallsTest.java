/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.base.FileCalls.UnansweredException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Calls that hang wait for a latch and heed no interrupt, as in the kernel. The methods share
 * nothing and do nothing but wait, so they run side by side.
 */
@Order(1)
@Execution(ExecutionMode.CONCURRENT)
class FileCallsTest {
  private static final Path ONE = Path.of("/workspaces/1");
  private static final Path TWO = Path.of("/workspaces/2");
  private static final Path THREE = Path.of("/workspaces/3");
  private static final Duration SHORT = Duration.ofMillis(50);
  private static final Duration LONG = Duration.ofSeconds(60);

  /** A thread may begin late on a busy machine, and a call that has no thread is not made. */
  private static final Duration A_WHILE = Duration.ofSeconds(4);

  private final FileCalls files = new FileCalls(2, 2, SHORT);
  private final FileCalls patient = new FileCalls(2, 2, LONG);
  private final CountDownLatch away = new CountDownLatch(1);

  @AfterEach
  void comesBack() {
    away.countDown();
  }

  private void hang() {
    boolean waits = true;
    while (waits) {
      try {
        away.await();
        waits = false;
      } catch (InterruptedException _) {
        // the kernel would not notice
      }
    }
  }

  private void givesUp(Path path) {
    assertThatThrownBy(() -> files.run(path, this::hang))
        .isInstanceOf(UnansweredException.class)
        .hasMessageContaining(path.toString());
  }

  @Test
  void aCallReturnsWhatItFoundOrFailsAsItFailed() throws Exception {
    assertThat(patient.at(ONE, () -> "found")).isEqualTo("found");
    NoSuchFileException missing = new NoSuchFileException("1");
    assertThatThrownBy(
            () ->
                patient.run(
                    ONE,
                    () -> {
                      throw missing;
                    }))
        .isSameAs(missing);
    assertThatThrownBy(
            () ->
                patient.run(
                    ONE,
                    () -> {
                      throw new IllegalStateException("a bug");
                    }))
        .isInstanceOf(IllegalStateException.class);
    assertThat(patient.problem()).isNull();
  }

  @Test
  void aCallThatHangsIsGivenUpAndHealthSaysSoUntilItReturns() {
    FileCalls files = new FileCalls(2, 2, A_WHILE);
    assertThat(files.problem()).isNull();

    assertThatThrownBy(() -> files.run(ONE, this::hang))
        .isInstanceOf(UnansweredException.class)
        .hasMessageContaining(ONE.toString());

    assertThat(files.problem()).contains("the workspace root does not answer");
    away.countDown();
    await().atMost(LONG).untilAsserted(() -> assertThat(files.problem()).isNull());
    assertThat(HostShortage.mayPass(new UnansweredException("no answer"))).isTrue();
    assertThat(HostShortage.isBehind(new UnansweredException("no answer"))).isFalse();
  }

  @Test
  void nothingElseIsDoneAtAPathWhileACallHangsThere() throws Exception {
    FileCalls slow = new FileCalls(2, 2, A_WHILE);
    assertThatThrownBy(() -> slow.run(ONE, this::hang)).isInstanceOf(UnansweredException.class);
    AtomicInteger calls = new AtomicInteger();

    assertThatThrownBy(() -> slow.run(ONE, calls::incrementAndGet))
        .isInstanceOf(UnansweredException.class);
    slow.run(TWO, calls::incrementAndGet);

    assertThat(calls).as("the call at the other path").hasValue(1);
    away.countDown();
    answered(() -> slow.run(ONE, calls::incrementAndGet));
  }

  /** Waits until the file system answers again. */
  private static void answered(ThrowingRunnable call) {
    await().atMost(LONG).ignoreExceptionsInstanceOf(UnansweredException.class).untilAsserted(call);
  }

  /** Or a thousand lanes would wait, and reaps as well, which have only a few permits. */
  @Test
  void whileAsManyCallsHangAsThereAreThreadsTheOthersFailAtOnce() {
    FileCalls slow = new FileCalls(2, 2, A_WHILE);
    for (Path path : new Path[] {ONE, TWO}) {
      assertThatThrownBy(() -> slow.run(path, this::hang)).isInstanceOf(UnansweredException.class);
    }
    AtomicInteger calls = new AtomicInteger();

    assertThatThrownBy(() -> slow.run(THREE, calls::incrementAndGet))
        .isInstanceOf(UnansweredException.class)
        .hasMessageContaining("is not tried while 2 calls");

    away.countDown();
    answered(() -> slow.run(THREE, calls::incrementAndGet));
    assertThat(calls).hasValue(1);
  }

  /** Each of them a mount of its own. */
  @Test
  void whatHangsInSingleWorkspacesHoldsUpNoOther() throws Exception {
    FileCalls many = new FileCalls(1, 8, SHORT);
    for (int i = 0; i < 4; i++) {
      Path own = Path.of("/workspaces/hung-" + i);
      assertThatThrownBy(() -> many.run(own, this::hang)).isInstanceOf(UnansweredException.class);
    }

    answered(() -> assertThat(many.at(ONE, () -> "found")).isEqualTo("found"));
  }

  /** Or a thousand lanes would wait, each for its own call. */
  @Test
  void whileNothingIsAnsweredOneCallAtATimeIsTried() throws Exception {
    FileCalls many = new FileCalls(1, 8, A_WHILE);
    assertThatThrownBy(() -> many.run(ONE, this::hang)).isInstanceOf(UnansweredException.class);

    many.run(
        TWO,
        () ->
            assertThatThrownBy(() -> many.run(THREE, () -> {}))
                .isInstanceOf(UnansweredException.class)
                .hasMessageContaining("is not tried while 1 calls"));
    many.run(THREE, () -> {});
  }

  @Test
  void aCallThatEndsBecauseItIsGivenUpIsNoAnswer() {
    FileCalls many = new FileCalls(1, 8, A_WHILE);
    assertThatThrownBy(() -> many.run(ONE, this::hang)).isInstanceOf(UnansweredException.class);
    assertThatThrownBy(() -> many.run(TWO, () -> uninterrupted(away)))
        .isInstanceOf(UnansweredException.class);

    AtomicReference<Throwable> other = new AtomicReference<>();
    answered(() -> many.run(TWO, () -> other.set(catchThrowable(() -> many.run(THREE, () -> {})))));

    assertThat(other.get()).hasMessageContaining("is not tried while 1 calls");
  }

  /** As of a refill and a sweep, of which the second began before the first was given up. */
  @Test
  void callsThatHangAtOnePathAreCountedEach() throws Exception {
    FileCalls two = new FileCalls(2, 2, A_WHILE);
    List<FutureTask<Boolean>> both = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      CountDownLatch hangs = new CountDownLatch(1);
      FutureTask<Boolean> each =
          new FutureTask<>(
              () -> {
                hangsAt(two, hangs);
                return true;
              });
      Thread.ofVirtual().start(each);
      both.add(each);
      assertThat(hangs.await(60, TimeUnit.SECONDS)).isTrue();
    }
    for (FutureTask<Boolean> each : both) {
      assertThat(each.get(60, TimeUnit.SECONDS)).isTrue();
    }

    assertThatThrownBy(() -> two.run(THREE, () -> {}))
        .isInstanceOf(UnansweredException.class)
        .hasMessageContaining("is not tried while 2 calls");
    away.countDown();
    answered(() -> two.run(THREE, () -> {}));
  }

  /** As its caller has gone on, it would come as a surprise. */
  @Test
  void aCallThatHadNoTurnInTimeIsNeverMade() throws Exception {
    FileCalls one = new FileCalls(1, 1, A_WHILE);
    CountDownLatch hangs = new CountDownLatch(1);
    FutureTask<Boolean> first =
        new FutureTask<>(
            () -> {
              hangsAt(one, hangs);
              return true;
            });
    Thread.ofVirtual().start(first);
    assertThat(hangs.await(60, TimeUnit.SECONDS)).isTrue();
    AtomicBoolean made = new AtomicBoolean();

    assertThatThrownBy(() -> one.run(TWO, () -> made.set(true)))
        .isInstanceOf(UnansweredException.class);

    assertThat(first.get(60, TimeUnit.SECONDS)).isTrue();
    away.countDown();
    answered(() -> one.run(THREE, () -> {}));
    assertThat(made).isFalse();
  }

  @Test
  void aCallForWhichThereIsNoThreadYetWaitsForItsTurn() throws Exception {
    FileCalls one = new FileCalls(1, 1, LONG);
    CountDownLatch hangs = new CountDownLatch(1);
    FutureTask<Boolean> first =
        new FutureTask<>(
            () ->
                one.at(
                    ONE,
                    () -> {
                      hangs.countDown();
                      hang();
                      return true;
                    }));
    Thread.ofVirtual().start(first);
    assertThat(hangs.await(60, TimeUnit.SECONDS)).isTrue();
    FutureTask<Boolean> second = new FutureTask<>(() -> one.at(TWO, () -> true));
    Thread waiting = Thread.ofVirtual().start(second);
    await().atMost(LONG).until(() -> isIdle(waiting));

    away.countDown();

    assertThat(first.get(60, TimeUnit.SECONDS)).isTrue();
    assertThat(second.get(60, TimeUnit.SECONDS)).isTrue();
  }

  private static boolean isIdle(Thread thread) {
    return thread.getState() == Thread.State.WAITING
        || thread.getState() == Thread.State.TIMED_WAITING;
  }

  /** Each thread costs the host a process. */
  @Test
  void callsOneAfterAnotherUseTheSameThreads() throws Exception {
    FileCalls many = new FileCalls(8, 64, LONG);
    Set<Thread> used = ConcurrentHashMap.newKeySet();
    for (int i = 0; i < 20; i++) {
      used.add(many.at(ONE, Thread::currentThread));
      await()
          .pollInterval(Duration.ofMillis(1))
          .atMost(LONG)
          .until(() -> used.stream().allMatch(FileCallsTest::isIdle));
    }

    assertThat(used).hasSizeLessThanOrEqualTo(2);
  }

  private void hangsAt(FileCalls calls, CountDownLatch hangs) {
    assertThatThrownBy(
            () ->
                calls.run(
                    ONE,
                    () -> {
                      hangs.countDown();
                      hang();
                    }))
        .isInstanceOf(UnansweredException.class);
  }

  /** A mount, for example, or a descriptor. */
  @Test
  void whatIsMadeTooLateIsClosed() {
    CountDownLatch closed = new CountDownLatch(1);
    FileCalls files = new FileCalls(2, 2, A_WHILE);

    assertThatThrownBy(
            () ->
                files.at(
                    ONE,
                    () -> {
                      hang();
                      return (AutoCloseable) closed::countDown;
                    }))
        .isInstanceOf(UnansweredException.class);

    assertThat(closed.getCount()).isEqualTo(1);
    away.countDown();
    await().atMost(LONG).until(() -> closed.getCount() == 0);
  }

  /** A stop interrupts lanes, and what they have mounted is unmounted nevertheless. */
  @Test
  void aCallerThatIsInterruptedWaitsAllTheSame() throws Exception {
    Thread.currentThread().interrupt();
    try {
      assertThat(patient.at(ONE, () -> "found")).isEqualTo("found");
    } finally {
      assertThat(Thread.interrupted()).as("it is told afterwards").isTrue();
    }
  }

  @Test
  void theNextCallOfAThreadKnowsNothingOfTheOnesThatWereGivenUp() throws Exception {
    FileCalls one = new FileCalls(1, 1, SHORT);
    for (int i = 0; i < 5; i++) {
      CountDownLatch back = new CountDownLatch(1);
      assertThatThrownBy(() -> one.run(ONE, () -> uninterrupted(back)))
          .isInstanceOf(UnansweredException.class);
      back.countDown();
      AtomicBoolean interrupted = new AtomicBoolean();
      answered(() -> one.run(TWO, () -> interrupted.set(Thread.currentThread().isInterrupted())));
      assertThat(interrupted).isFalse();
    }
  }

  /** Fails if it is interrupted, as a file lock does. */
  private static void uninterrupted(CountDownLatch back) throws IOException {
    try {
      back.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }
}
