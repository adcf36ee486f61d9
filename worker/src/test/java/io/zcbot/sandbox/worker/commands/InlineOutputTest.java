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
import io.zcbot.sandbox.worker.engine.CommandChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Output that is kept until the answer, and the memory that it takes. */
class InlineOutputTest {
  private static final int STEP = 8 * 1024;

  /** Counts what a command was allowed. */
  private static final class Allowance implements CommandChannel.Command {
    int allowed;

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
    OutputBudget budget = new OutputBudget(1 << 20);
    InlineOutput output = new InlineOutput(10, budget);
    output.write(OutputStreamName.STDOUT, Data.of("1234"));
    output.write(OutputStreamName.STDERR, Data.of("5678"));
    assertThat(output.isTruncated()).isFalse();
    output.write(OutputStreamName.STDOUT, Data.of("90ab"));
    assertThat(output.isTruncated()).isTrue();
    assertThat(output.of(OutputStreamName.STDOUT)).isEqualTo(Data.of("123490"));
    assertThat(output.of(OutputStreamName.STDERR)).isEqualTo(Data.of("5678"));
  }

  @Test
  void aFloodOfDiscardedOutputNeedsNoMemory() {
    OutputBudget budget = new OutputBudget(0);
    InlineOutput output = new InlineOutput(STEP / 2, budget);
    Allowance command = new Allowance();
    output.attach(command);
    for (int i = 0; i < 100; i++) {
      write(output, STEP);
    }
    assertThat(command.allowed).isGreaterThan(98 * STEP);
  }

  @Test
  void whoWantsMoreThanThereIsWaitsForOthersInOrder() {
    OutputBudget budget = new OutputBudget(STEP);
    List<InlineOutput> outputs = new ArrayList<>();
    List<Allowance> commands = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      outputs.add(new InlineOutput(1 << 20, budget));
      commands.add(new Allowance());
      outputs.get(i).attach(commands.get(i));
      write(outputs.get(i), STEP);
    }
    assertThat(commands).extracting(each -> each.allowed).containsExactly(STEP, 0, 0);
    assertThat(budget.isShort()).isTrue();
    outputs.get(0).release();
    assertThat(commands).extracting(each -> each.allowed).containsExactly(STEP, STEP, 0);
    outputs.get(2).release(); // it ended meanwhile
    outputs.get(1).release();
    assertThat(budget.isShort()).isFalse();
    assertThat(budget.tryTake(1 << 20)).as("all is back").isEqualTo(STEP);
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
}
