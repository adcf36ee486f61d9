/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.worker.testkit.FakeCommandEngine;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What a command reads, and what it does not read. */
class InputBufferTest extends InACommandWorld {
  private static final Input.Content.Bytes LARGE =
      new Input.Content.Bytes(Data.of("y".repeat(200 * 1024)));

  @Test
  void whatACommandDoesNotReadIsBounded() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading(""));
    assertThat(input("x", LARGE)).isEqualTo(Taken.TAKEN);
    assertThat(input("x", LARGE)).isEqualTo(Taken.FULL);
    CompletableFuture<Void> room = world.domain.commands().room(ANNA, "x");
    assertThat(room).isNotDone();
    assertThat(input("x", new Input.Content.Signal(CommandSignal.INT))).isEqualTo(Taken.TAKEN);
    assertThat(command.signals).containsExactly(CommandSignal.INT);
    command.wants(150 * 1024);
    assertThat(room).isDone();
    assertThat(input("x", LARGE)).isEqualTo(Taken.TAKEN);
  }

  @Test
  void whoeverWaitsForRoomHearsOfTheEnd() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading(""));
    assertThat(input("x", LARGE)).isEqualTo(Taken.TAKEN);
    assertThat(input("x", LARGE)).isEqualTo(Taken.FULL);
    CompletableFuture<Void> room = world.domain.commands().room(ANNA, "x");
    command.exit(0);
    assertThat(room).isDone();
    assertThat(input("x", LARGE)).isEqualTo(Taken.TAKEN);
  }

  /** A record may hold more than the buffer; it is taken when nothing else is in it. */
  @Test
  void whatIsLargerThanTheBufferIsTakenAlone() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading("1"));
    Input.Content.Bytes huge = new Input.Content.Bytes(Data.of("y".repeat(700 * 1024)));
    assertThat(input("x", huge)).isEqualTo(Taken.FULL);
    command.wants(1);
    assertThat(input("x", huge)).isEqualTo(Taken.TAKEN);
  }

  @Test
  void whatComesBeforeTheStartWaitsForIt() throws Exception {
    for (int i = 0; i < 8; i++) {
      run(Asked.of("r" + i));
    }
    exec(Asked.of("x").reading("a"));
    assertThat(input("x", new Input.Content.Bytes(Data.of("b")))).isEqualTo(Taken.TAKEN);
    assertThat(input("x", new Input.Content.End())).isEqualTo(Taken.TAKEN);
    assertThat(input("x", new Input.Content.Signal(CommandSignal.TERM))).isEqualTo(Taken.TAKEN);
    command("r0").exit(0);
    FakeCommandEngine.Command command = command("x");
    command.wants(100);
    until(() -> command.stdinEnded);
    assertThat(command.stdin.toString()).isEqualTo("ab");
    assertThat(command.signals).containsExactly(CommandSignal.TERM);
  }
}
