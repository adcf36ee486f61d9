/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.worker.console.Requests.Open;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The memory for requests whose ids have the maximum length. */
class RequestsTest {
  private static final int LONGEST_ID = 4096;

  private final Requests requests = new Requests();

  private final RunningCommands commands = new RunningCommands(new SharedNames(), 0);

  private static Open open() {
    return new Open(TestFleet.user(1).toString(), 1, "");
  }

  @Test
  void noIdIsKept() throws Exception {
    assertForgets('a', id -> requests.answered(TestFleet.user(1), id, 1));
    assertForgets('b', id -> requests.asked(id, open()));
    assertThat(requests.size()).isOne();
    assertThat(requests.asked("a".repeat(LONGEST_ID), open())).isEqualTo(1);
    assertThat(requests.answered(TestFleet.user(1), "b".repeat(LONGEST_ID), 1)).isNotNull();
  }

  /** A request without its user's key is read twice: where it was sent, and forwarded. */
  @ParameterizedTest
  @ValueSource(strings = {"request answer request", "answer request request"})
  void aRequestThatIsReadAgainAfterItsAnswerIsNotOpen(String order) {
    for (String next : order.split(" ")) {
      if (next.equals("request")) {
        var _ = requests.asked("a", open());
      } else {
        var _ = requests.answered(TestFleet.user(1), "a", 2);
      }
    }
    assertThat(requests.size()).isZero();
  }

  /** Else the times of its answers would tell of each reading as of a request. */
  @Test
  void aRequestThatIsReadAndAnsweredAgainTellsOfItsAnswerOnce() {
    assertThat(requests.asked("a", open())).isNull();
    assertThat(requests.answered(TestFleet.user(1), "a", 2)).isNotNull();
    assertThat(requests.answered(TestFleet.user(1), "a", 3)).isNull();
    assertThat(requests.asked("a", open())).isNull();
  }

  @Test
  void noKeyOfACommandIsKept() throws Exception {
    CommandEntry entry =
        new CommandEntry(
            TestFleet.user(1), "e", 0, 0, TestFleet.container(1), TestFleet.NOW, false);
    assertForgets('c', key -> commands.started(key, entry, ""));
    assertThat(commands.size()).isOne();
  }

  private static void assertForgets(char letter, Consumer<String> take)
      throws InterruptedException {
    ReferenceQueue<String> collected = new ReferenceQueue<>();
    WeakReference<String> id = given(letter, take, collected);
    Object gone = null;
    for (int tries = 0; tries < 50 && gone == null; tries++) {
      System.gc();
      gone = collected.remove(100);
    }
    assertThat(gone).isSameAs(id);
  }

  private static WeakReference<String> given(
      char letter, Consumer<String> take, ReferenceQueue<String> collected) {
    String id = String.valueOf(letter).repeat(LONGEST_ID);
    take.accept(id);
    return new WeakReference<>(id, collected);
  }
}
