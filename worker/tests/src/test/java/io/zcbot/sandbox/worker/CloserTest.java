/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.base.StoppedException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

class CloserTest {
  private final Closer closer = new Closer();
  private final List<String> closed = new CopyOnWriteArrayList<>();

  @Test
  void closesTheLastFirstAndGoesOnWhereOneFails() {
    closer.add(() -> closed.add("first"));
    closer.add(
        () -> {
          throw new IllegalStateException("thrown by the test");
        });
    closer.add(() -> closed.add("last"));

    closer.close();
    closer.close();

    assertThat(closed).containsExactly("last", "first");
  }

  /** As a start that does not notice the stop: a mount that it makes must not stay. */
  @Test
  void whatIsAddedTooLateIsClosedAtOnce() {
    closer.close();
    assertThatThrownBy(() -> closer.add(() -> closed.add("late")))
        .isInstanceOf(StoppedException.class);
    assertThat(closed).containsExactly("late");
  }

  /** As a consumer's thread does that is just about to begin. */
  @Test
  void aThreadThatACloseWaitsForCanAdd() {
    closer.add(() -> closed.add("first"));
    closer.add(
        () -> {
          Thread adds = Thread.ofVirtual().start(() -> closer.add(() -> closed.add("added")));
          assertThat(adds.join(Duration.ofSeconds(60))).as("could add").isTrue();
          closed.add("waited");
        });

    closer.close();

    assertThat(closed).containsExactly("waited", "added", "first");
  }
}
