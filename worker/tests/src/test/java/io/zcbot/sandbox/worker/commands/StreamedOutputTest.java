/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Exited.Reason;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.OutputWay;
import io.zcbot.sandbox.worker.testkit.FakeCommandEngine;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Output that is published while the command runs (I14). */
class StreamedOutputTest extends InACommandWorld {
  private static final int RECORD = 256 * 1024;

  private static Data bytes(int count, char what) {
    return Data.of(String.valueOf(what).repeat(count));
  }

  private String text(OutputStreamName stream) {
    return outputs().stream()
        .filter(each -> each.stream() == stream)
        .map(each -> new String(each.data().toByteArray(), StandardCharsets.UTF_8))
        .collect(Collectors.joining());
  }

  private void assertNoGaps() {
    List<Output> outputs = outputs();
    for (int i = 0; i < outputs.size(); i++) {
      assertThat(outputs.get(i).seq()).isEqualTo(i);
      assertThat(outputs.get(i).eventId()).isEqualTo(EventIds.output(ANNA, "x", i));
    }
  }

  @Test
  void theFirstOutputIsPublishedAtOnceAndAllBeforeTheAnswer() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").streamed());
    command.write("a");
    until(() -> outputs().size() == 1);
    command.write("b");
    command.write(OutputStreamName.STDERR, Data.of("c"));
    command.exit(0);
    Exited exited = answer("x");
    assertThat(exited.reason()).isEqualTo(Reason.EXITED);
    assertThat(exited.stdout()).isNull();
    assertThat(exited.outputCount()).isEqualTo(outputs().size()).isEqualTo(3);
    assertThat(text(OutputStreamName.STDOUT)).isEqualTo("ab");
    assertThat(text(OutputStreamName.STDERR)).isEqualTo("c");
    assertThat(world.log.getLast()).isEqualTo(exited);
    assertThat(world.metrics.outputBytes(OutputWay.STREAMED)).isEqualTo(3);
    assertThat(world.metrics.outputBytes(OutputWay.INLINE)).isZero();
    assertNoGaps();
  }

  @Test
  void smallWritesAreCollected() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").streamed());
    for (int i = 0; i < 10_000; i++) {
      command.write("y");
    }
    command.exit(0);
    answer("x");
    assertThat(text(OutputStreamName.STDOUT)).hasSize(10_000);
    assertThat(outputs()).hasSizeLessThan(1_000);
    assertNoGaps();
  }

  @Test
  void nothingMoreMayBeWrittenThanTheLogTook() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").streamed().keeping(16 * 1024 * 1024));
    world.heldUp = event -> event instanceof Output;
    int written = writeAllThatIsAllowed(List.of(command));
    assertThat(written).isLessThanOrEqualTo(CommandOutput.WINDOW);
    assertThat(outputs()).isEmpty();
    world.release();
    int all = written;
    until(() -> text(OutputStreamName.STDOUT).length() == all);
    until(() -> command.credit.get() > 0);
    command.exit(0);
    assertThat(answer("x").truncated()).isFalse();
    assertNoGaps();
  }

  /** Writes until nothing was allowed for a while. */
  private static int writeAllThatIsAllowed(List<FakeCommandEngine.Command> commands) {
    int written = 0;
    for (int idle = 0; idle < 100; idle++) {
      for (FakeCommandEngine.Command command : commands) {
        int allowed = Math.min(command.credit.get(), RECORD);
        if (allowed > 0) {
          command.write(OutputStreamName.STDOUT, bytes(allowed, 'z'));
          written += allowed;
          idle = 0;
        }
      }
      java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
    }
    return written;
  }

  private void writeAndAwaitAcknowledgement(FakeCommandEngine.Command command) {
    until(() -> command.credit.get() >= CommandOutput.WINDOW / 2);
    int before = text(OutputStreamName.STDOUT).length();
    int count = Math.min(command.credit.get(), RECORD);
    command.write(OutputStreamName.STDOUT, bytes(count, 'z'));
    until(() -> text(OutputStreamName.STDOUT).length() == before + count);
  }

  /** All answers go through the producer that these records would fill. */
  @Test
  void partitionsThatTakeNothingAnyMoreLeaveMostOfTheProducerToOthers() throws Exception {
    List<FakeCommandEngine.Command> commands = new ArrayList<>();
    for (UserId user : List.of(ANNA, BEN)) {
      for (int i = 0; i < CommandLimits.DEFAULT.perSandbox(); i++) {
        Asked asked = Asked.of(user + "-" + i).by(user).streamed().keeping(16 * 1024 * 1024);
        commands.add(run(asked));
      }
    }
    for (FakeCommandEngine.Command command : commands) {
      for (int i = 0; i < 6; i++) {
        writeAndAwaitAcknowledgement(command);
      }
    }
    assertThat(commands).anyMatch(command -> command.credit.get() >= RECORD);
    world.heldUp = Output.class::isInstance;

    // In a record they may take a third more.
    assertThat(writeAllThatIsAllowed(commands)).isLessThan(2 * 1024 * 1024);
    world.release();
  }

  @Test
  void aCommandThatWritesLittleAfterMuchGivesBackWhatItMayWriteAtOnce() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").streamed().keeping(16 * 1024 * 1024));
    for (int i = 0; i < 6; i++) {
      writeAndAwaitAcknowledgement(command);
    }
    until(() -> command.credit.get() > 2 * RECORD);
    for (int i = 0; i < 600; i++) {
      int before = outputs().size();
      command.write(OutputStreamName.STDOUT, bytes(1024, 'z'));
      until(() -> outputs().size() > before);
    }
    assertThat(command.credit.get()).isLessThanOrEqualTo(CommandOutput.WINDOW);
    writeAndAwaitAcknowledgement(command);
  }

  @Test
  void whatIsBeyondTheBoundIsDiscardedAndTheCommandGoesOn() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").streamed().keeping(1000));
    command.write(OutputStreamName.STDOUT, bytes(1000, 'z'));
    assertThat(command.discards).as("it may have ended there").isFalse();
    for (int i = 0; i < 1000; i++) {
      command.write(OutputStreamName.STDOUT, bytes(1000, 'z'));
      assertThat(command.discards).isTrue();
    }
    command.exit(0);
    Exited exited = answer("x");
    assertThat(exited.truncated()).isTrue();
    assertThat(text(OutputStreamName.STDOUT)).hasSize(1000);
  }

  /** Those behind it may have reached the log before; then they come once more. */
  @Test
  void anOutputThatFailedIsPublishedAgainWithThoseBehindIt() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").streamed());
    world.failsOnce = event -> event instanceof Output output && output.seq() == 1;
    command.write("a");
    until(() -> outputs().size() == 1);
    command.write("b");
    until(() -> outputs().size() == 2);
    command.write("c");
    command.exit(0);
    answer("x");
    assertThat(text(OutputStreamName.STDOUT)).isEqualTo("abc");
    until(() -> command.credit.get() > 0);
    assertNoGaps();
  }

  /** It may write nothing meanwhile, so that no further output and no end comes. */
  @Test
  void aCommandThatWaitsForOutputThatFailedGoesOn() throws Exception {
    world.heldUp = Output.class::isInstance;
    FakeCommandEngine.Command command = run(Asked.of("x").streamed());
    command.print("z".repeat(4 * CommandOutput.WINDOW));
    command.exit(0);
    until(() -> command.credit.get() == 0 && world.isHolding());
    world.lose();
    Exited exited = answer("x");
    assertThat(exited.reason()).isEqualTo(Reason.EXITED);
    assertThat(text(OutputStreamName.STDOUT)).hasSize(4 * CommandOutput.WINDOW);
    assertNoGaps();
  }

  /** A reader takes what comes with a higher number for a gap. */
  @Test
  void nothingOvertakesAnOutputThatFailed() throws Exception {
    AtomicBoolean failed = new AtomicBoolean();
    world.heldUp = event -> event instanceof Output output && output.seq() == 0;
    world.failsOnce =
        event -> event instanceof Output output && output.seq() == 1 && !failed.getAndSet(true);
    FakeCommandEngine.Command command = run(Asked.of("x").streamed());
    while (!failed.get()) { // the first is not collected
      command.write("a");
      until(() -> failed.get() || command.credit.get() > 0);
      TimeUnit.MILLISECONDS.sleep(10);
    }
    command.write("b");
    TimeUnit.MILLISECONDS.sleep(50);
    world.release();
    command.exit(0);
    answer("x");
    assertThat(text(OutputStreamName.STDOUT)).matches("a+b");
    assertNoGaps();
  }

  /** As while the worker waits for its group, and the leader of the partition is away. */
  @Test
  void nothingOvertakesAnOutputThatFailsWhileTheNextWaitsForTheFence() throws Exception {
    CompletableFuture<Void> first = new CompletableFuture<>();
    List<Long> log = new CopyOnWriteArrayList<>();
    EventSink sink =
        new EventSink() {
          @Override
          public void publish(SandboxEvent event) {
            log.add(((Output) event).seq());
          }

          @Override
          public CompletableFuture<Void> publishAsync(SandboxEvent event) {
            return log.isEmpty() && !first.isDone() && ((Output) event).seq() == 0
                ? first
                : EventSink.super.publishAsync(event);
          }
        };
    AtomicInteger passes = new AtomicInteger();
    CountDownLatch open = new CountDownLatch(1);
    Fence slow =
        () -> {
          if (passes.incrementAndGet() == 2) {
            assertThat(open.await(60, TimeUnit.SECONDS)).isTrue();
          }
        };
    StreamedOutput output =
        new StreamedOutput(
            new CommandKey(ANNA, "x"),
            1 << 20,
            new Budget<UserId>(1 << 20).of(ANNA),
            sink,
            slow,
            world.time(),
            SandboxMetrics.NONE);
    output.write(OutputStreamName.STDOUT, Data.of("a"));
    FutureTask<Void> publishing =
        new FutureTask<>(
            () -> {
              output.complete();
              return null;
            });
    Thread.startVirtualThread(publishing);
    until(() -> passes.get() == 1);
    output.write(OutputStreamName.STDOUT, Data.of("b"));
    until(() -> passes.get() == 2);
    first.completeExceptionally(new IllegalStateException("the leader is away"));
    open.countDown();
    output.end();
    publishing.get(60, TimeUnit.SECONDS);
    assertThat(log).containsExactly(0L, 1L);
  }

  @Test
  void whoLostThePartitionPublishesNothingMore() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").streamed());
    fenced = true;
    command.write("a");
    quiet();
    assertThat(world.log).noneMatch(event -> event instanceof Output || event instanceof Exited);
    assertThat(world.commandEngine.channel(command.containerId).isOpen()).isFalse();
  }

  /** The runner tells the end behind the output, and that waits for the log. */
  @Test
  void aCommandWhoseOutputTheLogDoesNotTakeIsNotOverdue() throws Exception {
    world.heldUp = Output.class::isInstance;
    Asked asked = Asked.of("x").streamed().keeping(16 * 1024 * 1024).within(Duration.ofSeconds(5));
    FakeCommandEngine.Command command = run(asked);
    FakeCommandEngine.Command other = run(Asked.of("y"));
    command.print("z".repeat(4 * RECORD));
    command.exit(0);
    until(() -> command.credit.get() == 0);
    pass(Duration.ofSeconds(16));
    assertThat(other.over).isFalse();
    world.release();
    Exited exited = answer("x");
    assertThat(exited.reason()).isEqualTo(Reason.EXITED);
    assertThat(exited.exitCode()).isZero();
    assertThat(exited.truncated()).isFalse();
    assertThat(text(OutputStreamName.STDOUT)).hasSize(4 * RECORD);
    assertNoGaps();
    other.exit(0);
    assertThat(answer("y").reason()).isEqualTo(Reason.EXITED);
  }

  @Test
  void aCommandWhoseEndIsNotReportedIsOverdueOnceTheLogTookItsOutput() throws Exception {
    world.heldUp = Output.class::isInstance;
    Asked asked = Asked.of("x").streamed().keeping(16 * 1024 * 1024).within(Duration.ofSeconds(5));
    FakeCommandEngine.Command command = run(asked);
    command.print("z".repeat(4 * RECORD));
    until(() -> command.credit.get() == 0);
    pass(Duration.ofMinutes(10));
    world.release();
    until(() -> text(OutputStreamName.STDOUT).length() == 4 * RECORD && command.credit.get() > 0);
    pass(CommandProgram.PATIENCE.minusSeconds(1));
    assertThat(answers()).isEmpty();
    pass(Duration.ofSeconds(2));
    assertThat(answer("x").reason()).isEqualTo(Reason.TIMEOUT);
  }

  private List<SandboxEvent> eventsOf(String id) {
    synchronized (world.log) {
      return world.log.stream()
          .filter(
              event ->
                  (event instanceof Started started && started.execId().equals(id))
                      || (event instanceof Output output && output.execId().equals(id))
                      || (event instanceof Exited exited && exited.execId().equals(id)))
          .toList();
    }
  }

  @Test
  void outputWaitsUntilTheLogHasTheAnnouncementOfTheStart() throws Exception {
    CountDownLatch announcing = new CountDownLatch(1);
    CountDownLatch open = new CountDownLatch(1);
    world.refuses =
        event -> {
          if (event instanceof Started) {
            announcing.countDown();
            assertThatCode(() -> assertThat(open.await(60, TimeUnit.SECONDS)).isTrue())
                .doesNotThrowAnyException();
          }
          return false;
        };
    FakeCommandEngine.Command command = run(Asked.of("x").streamed().announcing());
    assertThat(announcing.await(60, TimeUnit.SECONDS)).isTrue();
    command.print("z".repeat(2 * CommandOutput.WINDOW));
    TimeUnit.MILLISECONDS.sleep(50);
    assertThat(eventsOf("x")).isEmpty();
    assertThat(command.credit.get()).as("it waits in its write").isZero();
    open.countDown();
    until(() -> text(OutputStreamName.STDOUT).length() == 2 * CommandOutput.WINDOW);
    command.exit(0);
    Exited exited = answer("x");
    assertThat(eventsOf("x").getFirst())
        .isEqualTo(
            new Started(
                EventIds.started(ANNA, "x"),
                ANNA,
                "x",
                Objects.requireNonNull(exited.startedAt()),
                1,
                Objects.requireNonNull(exited.container())));
    assertThat(eventsOf("x")).hasSize(outputs().size() + 2).endsWith(exited);
  }

  @Test
  void aStartIsAnnouncedIfTheExecAsksForItAndTheProgramWasExecuted() throws Exception {
    run(Asked.of("silent")).exit(0);
    answer("silent");
    run(Asked.of("inline").announcing()).exit(0);
    answer("inline");
    world.commandEngine.refusal = new CommandEnd.NotStarted("no such program", false, 127);
    exec(Asked.of("refused").announcing());
    assertThat(answer("refused").reason()).isEqualTo(Reason.FAILED);
    world.commandEngine.refusal = null;
    world.commandEngine.tellsNoPid = true;
    run(Asked.of("of an older image").announcing()).exit(0);
    answer("of an older image");
    assertThat(world.log.stream().filter(Started.class::isInstance).map(Started.class::cast))
        .extracting(Started::execId)
        .containsExactly("inline");
    assertThat(eventsOf("inline")).hasSize(2).first().isInstanceOf(Started.class);
  }

  @Test
  void theAnnouncementIsCopiedWhereTheOutputIs() throws Exception {
    context = new RequestContext("sandbox.reply.x", null);
    run(Asked.of("x").announcing()).exit(0);
    answer("x");
    assertThat(world.contexts.get(EventIds.started(ANNA, "x"))).isEqualTo(context);
  }

  @Test
  void whoLostThePartitionAnnouncesNothing() throws Exception {
    world.commandEngine.tellsNoStart = true;
    FakeCommandEngine.Command command = run(Asked.of("x").announcing());
    fenced = true;
    command.executed();
    quiet();
    assertThat(eventsOf("x")).isEmpty();
    assertThat(world.commandEngine.channel(command.containerId).isOpen()).isFalse();
  }

  /** Nothing else would wake its thread. */
  @Test
  void aCommandWhoseSandboxTellsNothingIsAnsweredAtItsTimeout() throws Exception {
    world.commandEngine.tellsNoStart = true;
    run(Asked.of("x").announcing().within(Duration.ofSeconds(5)));
    pass(Duration.ofSeconds(16));
    assertThat(answer("x").reason()).isEqualTo(Reason.TIMEOUT);
    assertThat(eventsOf("x")).hasSize(1);
  }
}
