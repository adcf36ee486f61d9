/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.FakeCommandEngine;
import io.zcbot.sandbox.worker.testkit.World;
import java.lang.ref.WeakReference;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Input that a command reads, and input that it does not read. */
class InputBufferTest extends InACommandWorld {
  private static final Input.Content.Bytes LARGE =
      new Input.Content.Bytes(Data.of("y".repeat(200 * 1024)));

  @Test
  void whatACommandDoesNotReadIsBounded() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading(""));
    assertThat(input("x", LARGE)).isEqualTo(Taken.TAKEN);
    assertThat(input("x", LARGE)).isEqualTo(Taken.FULL);
    CompletableFuture<Void> room = inputOf(ANNA, "x").room();
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
    CompletableFuture<Void> room = inputOf(ANNA, "x").room();
    command.exit(0);
    assertThat(room).isDone();
    assertThat(input("x", LARGE)).isEqualTo(Taken.TAKEN);
  }

  @Test
  void standardInputGoesOnUntilItsEndIsTakenOrTheCommandEnds() throws Exception {
    run(Asked.of("nothing follows"));
    assertThat(inputOf(ANNA, "nothing follows").goesOn()).isFalse();
    run(Asked.of("x").reading(""));
    FakeCommandEngine.Command ends = run(Asked.of("y").reading(""));
    assertThat(inputOf(ANNA, "x").goesOn()).isTrue();
    assertThat(input("x", new Input.Content.End())).isEqualTo(Taken.TAKEN);
    assertThat(inputOf(ANNA, "x").goesOn()).isFalse();
    assertThat(inputOf(ANNA, "y").goesOn()).isTrue();
    ends.exit(0);
    assertThat(inputOf(ANNA, "y").goesOn()).isFalse();
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

  /** As of execs that all bring much to a program that reads nothing. */
  @Test
  void whatExecsBringIsBoundedByUser() throws Exception {
    String much = "y".repeat(700 * 1024);
    exec(Asked.of("x1").reading(much));
    exec(Asked.of("x2").reading(much));
    exec(Asked.of("x3").reading(much));
    Exited refused = answer("x3");
    assertThat(refused.reason()).isEqualTo(Exited.Reason.REJECTED);
    assertThat(refused.retryable()).isTrue();
    assertThat(refused.message()).contains("sandbox.input");
    run(Asked.of("small").reading("a few bytes"));
    run(Asked.of("others").reading(much).by(BEN));
    FakeCommandEngine.Command reads = command("x1");
    reads.wants(much.length());
    until(() -> reads.stdin.length() == much.length());
    run(Asked.of("x4").reading(much));
    command("x2").exit(0);
    answer("x2");
    quietBut(4);
    run(Asked.of("x5").reading(much));
  }

  private Taken forwarded(int partition, long offset, Input.Content content) {
    return input(ANNA, "x", content, new Origin("sandbox.input", partition, offset, Instant.EPOCH));
  }

  /** Whoever reads a partition anew forwards what its predecessor forwarded already. */
  @Test
  void whatIsForwardedASecondTimeIsReadOnce() throws Exception {
    Input.Content.Signal signal = new Input.Content.Signal(CommandSignal.INT);
    FakeCommandEngine.Command command = run(Asked.of("x").reading(""));
    command.wants(100);
    assertThat(input("x", bytes("own "))).isEqualTo(Taken.TAKEN);
    for (int i = 0; i < 2; i++) {
      assertThat(forwarded(2, 7, signal)).isEqualTo(Taken.TAKEN);
      assertThat(forwarded(2, 5, bytes("first "))).isEqualTo(Taken.TAKEN);
      assertThat(forwarded(2, 6, bytes("second "))).isEqualTo(Taken.TAKEN);
    }
    assertThat(forwarded(3, 1, bytes("of another partition "))).isEqualTo(Taken.TAKEN);
    assertThat(forwarded(2, 8, bytes("third "))).isEqualTo(Taken.TAKEN);
    assertThat(input("x", bytes("own"))).isEqualTo(Taken.TAKEN);
    until(() -> command.stdin.toString().endsWith("own"));
    assertThat(command.stdin.toString())
        .isEqualTo("own first second of another partition third own");
    assertThat(command.signals).containsExactly(CommandSignal.INT);
  }

  /** Anybody can write the header: made up partitions would take memory, of each command. */
  @Test
  void fewPartitionsAreRememberedFromWhichInputsWereForwarded() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading(""));
    command.wants(100);
    for (char partition = 'a'; partition <= 'm'; partition++) {
      forwarded(partition, 7, bytes(String.valueOf(partition)));
    }
    forwarded('m', 7, bytes("m"));
    forwarded('a', 7, bytes("a"));
    until(() -> command.stdin.toString().equals("abcdefghijklma"));
  }

  /** Those that are read again by a detour are passed by those that were read behind them. */
  @Test
  void aSignalIsTakenThoughASizeOrAnotherSignalPassedIt() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading(""));
    TerminalSize size = new TerminalSize(40, 24);
    for (int i = 0; i < 2; i++) {
      forwarded(2, 42, new Input.Content.Signal(CommandSignal.TERM));
      forwarded(2, 41, new Input.Content.Resize(size));
      forwarded(2, 40, new Input.Content.Signal(CommandSignal.INT));
    }
    assertThat(command.size).isEqualTo(size);
    assertThat(command.signals).containsExactly(CommandSignal.TERM, CommandSignal.INT);
  }

  @Test
  void whatWasTooMuchIsTakenWhenItComesAgain() throws Exception {
    FakeCommandEngine.Command command = run(Asked.of("x").reading(""));
    assertThat(forwarded(2, 5, LARGE)).isEqualTo(Taken.TAKEN);
    assertThat(forwarded(2, 6, LARGE)).isEqualTo(Taken.FULL);
    command.wants(1 << 20);
    assertThat(forwarded(2, 6, LARGE)).isEqualTo(Taken.TAKEN);
    until(() -> command.stdin.length() == 400 * 1024);
  }

  private static Input.Content.Bytes bytes(String text) {
    return new Input.Content.Bytes(Data.of(text));
  }

  private Taken inputOf(UserId user, String id, Input.Content content) {
    return input(user, id, content, null);
  }

  private boolean hasRoom(UserId user, String id) {
    return inputOf(user, id).room().isDone();
  }

  /** As of many commands that read nothing. */
  @Test
  void whatAllCommandsDoNotReadIsBounded() throws Exception {
    world = new World(root, 10, null);
    int taken = 0;
    for (int user = 3; user < 10; user++) {
      for (int i = 0; i < 8; i++) {
        run(Asked.of(user + "-" + i).by(World.user(user)).reading(""));
        if (inputOf(World.user(user), user + "-" + i, LARGE) == Taken.TAKEN) {
          taken += LARGE.data().length();
        }
      }
    }
    assertThat(taken).isBetween(3 << 20, 5 << 20);
    FakeCommandEngine.Command waits = run(Asked.of("x").reading(""));
    assertThat(input("x", LARGE)).isEqualTo(Taken.FULL);
    assertThat(input("x", new Input.Content.Bytes(Data.of("y".repeat(10_000)))))
        .as("a window is everybody's")
        .isEqualTo(Taken.TAKEN);
    FakeCommandEngine.Command reads = run(Asked.of("r").reading(""));
    reads.wants(LARGE.data().length());
    assertThat(input("r", LARGE)).as("nothing of it is kept").isEqualTo(Taken.TAKEN);
    waits.exit(0);
  }

  /** Its program takes the record at once, so that nothing is needed for it any more. */
  @Test
  void whoNeedsNoMemoryAfterAllMakesNobodyWait() throws Exception {
    for (int i = 0; i < 7; i++) {
      run(Asked.of("x" + i).reading(""));
    }
    for (int i = 0; i < 5; i++) {
      assertThat(input("x" + i, LARGE)).isEqualTo(Taken.TAKEN);
    }
    assertThat(input("x5", LARGE)).isEqualTo(Taken.FULL);
    assertThat(input("x6", LARGE)).isEqualTo(Taken.FULL);
    command("x5").wants(LARGE.data().length());
    assertThat(input("x5", LARGE)).isEqualTo(Taken.TAKEN);

    command("x0").wants(LARGE.data().length());
    assertThat(hasRoom(ANNA, "x6")).isTrue();
  }

  /** There is room for the small one, which came behind the large one. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoLeavesTheQueueForMemoryLetsThoseBehindHaveIt(boolean ends) throws Exception {
    for (int i = 0; i < 7; i++) {
      run(Asked.of("x" + i).reading(""));
    }
    for (int i = 0; i < 5; i++) {
      assertThat(input("x" + i, LARGE)).isEqualTo(Taken.TAKEN);
    }
    Input.Content.Bytes small = new Input.Content.Bytes(Data.of("y".repeat(60 * 1024)));
    assertThat(input("x5", LARGE)).isEqualTo(Taken.FULL);
    assertThat(input("x6", small)).isEqualTo(Taken.FULL);
    assertThat(hasRoom(ANNA, "x6")).isFalse();

    if (ends) {
      command("x5").exit(0);
    } else {
      command("x5").wants(LARGE.data().length());
      assertThat(input("x5", LARGE)).isEqualTo(Taken.TAKEN);
    }
    assertThat(hasRoom(ANNA, "x6")).isTrue();
    assertThat(input("x6", small)).isEqualTo(Taken.TAKEN);
  }

  @Test
  void whatAUsersCommandsDoNotReadIsBoundedAndThoseThatWaitGetItInOrder() throws Exception {
    for (int i = 0; i < 8; i++) {
      run(Asked.of("x" + i).reading(""));
    }
    for (int i = 0; i < 5; i++) {
      assertThat(input("x" + i, LARGE)).isEqualTo(Taken.TAKEN);
    }
    assertThat(input("x5", LARGE)).isEqualTo(Taken.FULL);
    assertThat(input("x6", LARGE)).isEqualTo(Taken.FULL);
    assertThat(hasRoom(ANNA, "x5")).isFalse();
    run(Asked.of("b").by(BEN).reading(""));
    assertThat(inputOf(BEN, "b", LARGE)).as("another user's").isEqualTo(Taken.TAKEN);

    command("x0").wants(LARGE.data().length());
    assertThat(hasRoom(ANNA, "x5")).isTrue();
    assertThat(hasRoom(ANNA, "x6")).isFalse();
    assertThat(input("x6", LARGE)).isEqualTo(Taken.FULL);
    assertThat(input("x5", LARGE)).isEqualTo(Taken.TAKEN);
    command("x5").exit(0);
    assertThat(hasRoom(ANNA, "x6")).isTrue();
    command("x6").exit(0); // with what it was granted
    assertThat(input("x7", LARGE)).isEqualTo(Taken.TAKEN);
    assertThat(input("x0", LARGE)).as("all is taken again").isEqualTo(Taken.FULL);
  }

  /** What is read is not counted any more, so nothing may refer to it for as long as it runs. */
  @Test
  void whatAnExecBroughtIsForgottenOnceItIsRead() throws Exception {
    WeakReference<Data> brought = runWithInput("y".repeat(700 * 1024));
    FakeCommandEngine.Command command = command("x");
    command.wants(700 * 1024);
    until(() -> command.stdin.length() == 700 * 1024);
    until(
        () -> {
          System.gc();
          return brought.refersTo(null);
        });
    assertThat(command.over).isFalse();
  }

  private WeakReference<Data> runWithInput(String text) throws Exception {
    Asked asked = Asked.of("x").reading(text);
    exec(asked);
    return new WeakReference<>(asked.stdin());
  }

  private void quietBut(int left) {
    until(() -> world.domain.commands().active() == left);
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

  /** Far more of them can wait than run: the log keeps what they may not keep yet. */
  @Test
  void commandsThatWaitKeepLittleAndGetTheRestOnceTheyStart() throws Exception {
    for (int i = 0; i < 8; i++) {
      run(Asked.of("r" + i).reading(""));
    }
    for (int i = 0; i < 5; i++) {
      assertThat(input("r" + i, LARGE)).isEqualTo(Taken.TAKEN);
    }
    assertThat(input("r5", LARGE)).as("the user's share is used up").isEqualTo(Taken.FULL);
    exec(Asked.of("x").reading(""));
    assertThat(input("x", bytes("a".repeat(1_000)))).isEqualTo(Taken.TAKEN);
    Input.Content.Bytes more = bytes("b".repeat(10_000));
    assertThat(input("x", more)).isEqualTo(Taken.FULL);
    assertThat(hasRoom(ANNA, "x")).isFalse();

    command("r7").exit(0);
    FakeCommandEngine.Command command = command("x");
    until(() -> hasRoom(ANNA, "x"));
    assertThat(input("x", more)).isEqualTo(Taken.TAKEN);
    command.wants(20_000);
    until(() -> command.stdin.toString().equals("a".repeat(1_000) + "b".repeat(10_000)));
  }

  /** As of a window that is dragged while its command waits, and then closed. */
  @Test
  void theLastSizeAndTheLastOfEachSignalWaitForTheStart() throws Exception {
    for (int i = 0; i < 8; i++) {
      run(Asked.of("r" + i));
    }
    exec(Asked.of("x").reading("a"));
    for (int columns = 1; columns <= 40; columns++) {
      input("x", new Input.Content.Resize(new TerminalSize(columns, 24)));
      input("x", new Input.Content.Signal(CommandSignal.INT));
    }
    input("x", new Input.Content.Signal(CommandSignal.TERM));
    input("x", new Input.Content.Signal(CommandSignal.INT));
    input("x", new Input.Content.Signal(CommandSignal.KILL));
    input("x", new Input.Content.Signal(CommandSignal.INT)); // a runner may keep one only
    command("r0").exit(0);
    FakeCommandEngine.Command command = command("x");
    until(() -> command.signals.contains(CommandSignal.KILL));
    assertThat(command.size).isEqualTo(new TerminalSize(40, 24));
    assertThat(command.signals)
        .containsExactly(CommandSignal.TERM, CommandSignal.INT, CommandSignal.KILL);
  }
}
