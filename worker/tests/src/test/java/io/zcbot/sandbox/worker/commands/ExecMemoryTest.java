/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ExecMemoryTest {
  private final Budget<UserId> budget = new Budget<>(8 * 1024 * 1024);

  private static Exec exec(List<String> arguments, String stdin) {
    return exec("x", null, null, arguments, stdin);
  }

  private static Exec exec(
      String id,
      @Nullable String requestedBy,
      @Nullable String directory,
      List<String> arguments,
      String stdin) {
    return new Exec(
        id,
        new UserId(new UUID(0, 1)),
        Instant.EPOCH,
        requestedBy,
        null,
        new Exec.Program.Command(arguments),
        Data.of(stdin),
        false,
        Map.of(),
        directory,
        null,
        null,
        false,
        null,
        true);
  }

  /** By the intake or by user, and by one of them only. */
  @Test
  void whatWaitsIsCountedOnce() {
    Exec small = exec(List.of("true"), "x".repeat(10_000));
    assertThat(ExecMemory.uncounted(small)).isGreaterThan(10_000);
    Exec large = exec(List.of("true"), "x".repeat(990_000));
    assertThat(ExecMemory.uncounted(large)).isZero();
    assertThat(ExecMemory.take(large, budget)).isNotNull();
    assertThat(ExecMemory.take(large, budget)).isNotNull();
    assertThat(ExecMemory.take(large, budget)).as("more than the user's share").isNull();
    assertThat(ExecMemory.take(small, budget)).isNotNull();
  }

  /** As many as an exec may have take a quarter of a megabyte, though they are no 8 KiB long. */
  @Test
  void manyShortArgumentsAreNotSmall() {
    Exec many = exec(Collections.nCopies(4096, "x"), "");
    assertThat(ExecMemory.sizeOf(many)).isGreaterThan(250_000);
    assertThat(ExecMemory.uncounted(many)).isZero();
  }

  @Test
  void allThatSomebodyElseWroteCountsAsWhatItTakes() {
    int empty = ExecMemory.sizeOf(exec("", "", "", List.of(""), ""));
    assertThat(ExecMemory.sizeOf(exec("id", "by", "/d", List.of("äöü"), "x")) - empty)
        .as("Latin")
        .isEqualTo(10);
    assertThat(ExecMemory.sizeOf(exec("жж", "жж", "/ж", List.of("жжж"), "x")) - empty)
        .as("not Latin")
        .isEqualTo(19);
  }
}
