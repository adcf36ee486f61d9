/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class InputQueueTest {
  @Test
  void givesOutWhatWasAddedInOrder() {
    InputQueue queue = new InputQueue(1000);
    queue.offer(new byte[] {1, 2, 3}, 0);
    queue.offer(new byte[] {4, 5}, 0);

    assertThat(queue.read()).isEqualTo(1);
    byte[] into = new byte[10];
    assertThat(queue.read(into, 1, 9)).isEqualTo(4);
    assertThat(into).startsWith(0, 2, 3, 4, 5, 0);
  }

  @Test
  void isBoundedInBytesHoweverSmallTheFrames() {
    InputQueue queue = new InputQueue(10_000);
    int added = 0;
    while (queue.offer(new byte[1], 0)) {
      added++;
    }
    assertThat(added).isBetween(100, 400);

    assertThat(queue.read(new byte[added], 0, added)).isEqualTo(added);
    assertThat(queue.offer(new byte[9000], 0)).as("what was read counts no more").isTrue();
  }

  @Test
  void aReserveIsKeptFree() {
    InputQueue queue = new InputQueue(10_000);

    assertThat(queue.offer(new byte[3000], 8000)).isFalse();
    assertThat(queue.offer(new byte[3000], 0)).isTrue();
  }

  @Test
  void closingWakesWhoWaitsAndDropsTheRest() throws Exception {
    InputQueue queue = new InputQueue(1000);
    int[] read = new int[1];
    Thread waiting = Thread.ofPlatform().start(() -> read[0] = queue.read(new byte[9], 0, 9));
    TimeUnit.MILLISECONDS.sleep(50);

    queue.close();
    waiting.join();

    assertThat(read[0]).isEqualTo(-1);
    assertThat(queue.offer(new byte[1], 0)).isFalse();
    assertThat(queue.read()).isEqualTo(-1);
  }
}
