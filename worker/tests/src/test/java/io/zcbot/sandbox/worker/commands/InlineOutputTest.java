/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Output that is kept until the answer, and the memory that it takes. */
class InlineOutputTest {
  private static final int STEP = 8 * 1024;

  /** Counts the output that a command was allowed. */
  private static final class Allowance implements CommandChannel.Command {
    int allowed;
    boolean discards;

    @Override
    public void discardOutput() {
      assertThat(discards).isFalse();
      discards = true;
    }

    @Override
    public void allowOutput(int bytes) {
      allowed += bytes;
    }

    @Override
    public void input(Data data) {}

    @Override
    public void endInput() {}

    @Override
    public void signal(CommandSignal signal) {}

    @Override
    public void resize(TerminalSize size) {}

    @Override
    public void kill() {}
  }

  private static void write(CommandOutput output, int bytes) {
    output.write(OutputStreamName.STDOUT, Data.of(new byte[bytes]));
  }

  @Test
  void outputIsKeptUpToItsBoundAndTheRestIsDiscarded() {
    InlineOutput output = new InlineOutput(10, new Budget<UserId>(1 << 20).of(World.user(1)));
    output.write(OutputStreamName.STDOUT, Data.of("1234"));
    output.write(OutputStreamName.STDERR, Data.of("5678"));
    assertThat(output.isTruncated()).isFalse();
    output.write(OutputStreamName.STDOUT, Data.of("90ab"));
    assertThat(output.isTruncated()).isTrue();
    assertThat(output.of(OutputStreamName.STDOUT)).isEqualTo(Data.of("123490"));
    assertThat(output.of(OutputStreamName.STDERR)).isEqualTo(Data.of("5678"));
  }

  @Test
  void whatNobodyWantsNeedsNoMemoryAndDoesNotEvenCome() {
    InlineOutput output = new InlineOutput(STEP / 2, new Budget<UserId>(0).of(World.user(1)));
    Allowance command = new Allowance();
    output.attach(command);
    write(output, STEP / 2);
    assertThat(command.discards).as("it may have ended there").isFalse();
    assertThat(output.isTruncated()).isFalse();
    for (int i = 0; i < 100; i++) { // what was on its way
      write(output, STEP);
    }
    assertThat(command.discards).isTrue();
    assertThat(command.allowed).isZero();
    assertThat(output.isTruncated()).isTrue();
    assertThat(output.of(OutputStreamName.STDOUT).length()).isEqualTo(STEP / 2);
  }

  /** Its output may come before whoever started it knows how to speak to it. */
  @Test
  void whatIsTooMuchBeforeTheCommandIsKnownIsDiscardedOnceItIs() {
    InlineOutput output = new InlineOutput(10, new Budget<UserId>(0).of(World.user(1)));
    write(output, STEP);
    Allowance command = new Allowance();
    output.attach(command);
    assertThat(command.discards).isTrue();
    assertThat(command.allowed).isZero();
  }

  @Test
  void whoWantsMoreThanThereIsWaitsForOthersInOrder() {
    Budget<UserId> budget = new Budget<>(STEP, STEP);
    List<InlineOutput> outputs = new ArrayList<>();
    List<Allowance> commands = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      outputs.add(new InlineOutput(1 << 20, budget.of(World.user(i))));
      commands.add(new Allowance());
      outputs.get(i).attach(commands.get(i));
      write(outputs.get(i), STEP);
    }
    assertThat(commands).extracting(each -> each.allowed).containsExactly(STEP, 0, 0);
    Budget<UserId>.Share others = budget.of(World.user(9));
    assertThat(others.tryTake(1)).isZero();
    outputs.get(0).release();
    assertThat(commands).extracting(each -> each.allowed).containsExactly(STEP, STEP, 0);
    outputs.get(2).release(); // it ended meanwhile
    outputs.get(1).release();
    assertThat(others.tryTake(1 << 20)).as("all is back").isEqualTo(STEP);
  }

  /** Both are in memory while the answer waits for a place in the producer. */
  @Test
  void whatIsKeptForAnswersFitsTogetherWithItsJson() {
    Budget<UserId> budget = new CommandMemory().outputs();
    int kept =
        IntStream.range(0, 8)
            .map(user -> budget.of(World.user(user)).tryTake(Integer.MAX_VALUE))
            .sum();
    int json = Base64.getEncoder().encode(new byte[kept]).length;
    assertThat(kept + json).isBetween(27 << 20, 29 << 20);
  }

  @Test
  void theCommandsOfOneUserDoNotWaitForEachOther() {
    Budget<UserId>.Share share = new CommandMemory().outputs().of(World.user(1));
    int ofAnswer = 512 << 10;
    for (int taken = 0; taken < 8 * (ofAnswer - CommandOutput.WINDOW); taken += STEP) {
      assertThat(share.tryTakeAll(STEP)).as("after %d bytes", taken).isTrue();
    }
  }

  /** As of programs that fill what they may and then sleep. */
  @Test
  void whoeverHasAFullShareHoldsUpNobodyElse() {
    Budget<UserId> budget = new Budget<>(4 * STEP);
    Budget<UserId>.Share ben = budget.of(World.user(2));
    List<InlineOutput> outputs = new ArrayList<>();
    List<Allowance> commands = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      outputs.add(new InlineOutput(1 << 20, budget.of(World.user(1))));
      commands.add(new Allowance());
      outputs.get(i).attach(commands.get(i));
      write(outputs.get(i), STEP);
    }
    assertThat(commands)
        .extracting(each -> each.allowed)
        .containsExactly(STEP, 0, 0, 0, 0, 0, 0, 0);
    assertThat(ben.tryTake(1 << 20)).as("they wait for their own user").isEqualTo(STEP);
    ben.give(STEP);
    InlineOutput bens = new InlineOutput(1 << 20, ben);
    Allowance command = new Allowance();
    bens.attach(command);
    write(bens, STEP);
    assertThat(command.allowed).isEqualTo(STEP);
    outputs.getFirst().release();
    assertThat(commands.get(1).allowed).isEqualTo(STEP);
  }

  /** More than a share, or the largest record would never be taken. */
  @Test
  void whoHasNothingMayHaveAnythingThatFits() {
    Budget<UserId> budget = new Budget<>(100, 10);
    Budget<UserId>.Share share = budget.of(World.user(1));
    assertThat(share.tryTakeAll(60)).isTrue();
    assertThat(share.tryTakeAll(1)).isFalse();
    assertThat(budget.of(World.user(2)).tryTakeAll(60)).as("more than there is").isFalse();
    share.give(60);
    assertThat(share.tryTakeAll(1)).isTrue();
  }

  @Test
  void bytesLeaveAQueueAsTheyCame() {
    ByteQueue queue = new ByteQueue();
    StringBuilder in = new StringBuilder();
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < 1000; i++) {
      String next = "n" + i;
      queue.add(Data.of(next), next.length());
      in.append(next);
      out.append(queue.take(i % 7).text());
    }
    out.append(queue.take(Integer.MAX_VALUE).text());
    assertThat(out.toString()).isEqualTo(in.toString());
    assertThat(queue.length()).isZero();
  }

  @Test
  void aQueueTakesLittleMoreThanItsBytes() {
    Random random = new Random(1);
    ByteQueue queue = new ByteQueue();
    ByteArrayOutputStream in = new ByteArrayOutputStream();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < 2000; i++) {
      byte[] next = new byte[random.nextInt(random.nextBoolean() ? 50 : 20_000)];
      random.nextBytes(next);
      int count = next.length - next.length / 10;
      queue.add(Data.of(next), count);
      in.write(next, 0, count);
      out.writeBytes(queue.take(random.nextInt(10_000)).toByteArray());
      assertThat(queue.memory()).isLessThan(2 * queue.length() + 50_000);
    }
    out.writeBytes(queue.take(Integer.MAX_VALUE).toByteArray());
    assertThat(out.toByteArray()).isEqualTo(in.toByteArray());
    assertThat(queue.memory()).isZero();
    assertThat(queue.length()).isZero();
  }

  /** As of a program that writes single bytes. */
  @Test
  void manySmallPiecesTakeLittleMoreThanTheirBytes() {
    ByteQueue queue = new ByteQueue();
    for (int i = 0; i < 100_000; i++) {
      queue.add(Data.of("x"), 1);
    }
    assertThat(queue.memory()).isBetween(100_000, 110_000);
  }

  /** As of a program that writes a large piece and a single byte in turns. */
  @Test
  void smallPiecesBetweenLargeOnesTakeLittleMoreThanTheirBytes() {
    ByteQueue queue = new ByteQueue();
    StringBuilder in = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      String large = Character.toString('a' + i % 26).repeat(8192);
      queue.add(Data.of(large), large.length());
      queue.add(Data.of("1"), 1);
      queue.add(Data.of("2"), 1);
      in.append(large).append("12");
    }
    assertThat(queue.memory()).isBetween(100 * 8194, 101 * 8194);
    assertThat(queue.take(8193).text() + queue.take(Integer.MAX_VALUE).text())
        .isEqualTo(in.toString());
    assertThat(queue.memory()).isZero();
  }

  @Test
  void whatWasTakenOfASmallPieceStaysTaken() {
    ByteQueue queue = new ByteQueue();
    String large = "a".repeat(8192);
    queue.add(Data.of(large), large.length());
    queue.add(Data.of("123"), 3);
    assertThat(queue.memory()).isLessThan(8192 + 8192 / 4);
    assertThat(queue.take(8193).text()).isEqualTo(large + "1");
    queue.add(Data.of(large), large.length());
    assertThat(queue.take(Integer.MAX_VALUE).text()).isEqualTo("23" + large);
    assertThat(queue.memory()).isZero();
  }
}
