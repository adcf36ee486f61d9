/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ResourcesTest {
  private final Resources resources = new Resources();

  @Test
  void theyAreClosedOnceInReverseOrder() {
    List<String> closed = new ArrayList<>();
    resources.add(() -> closed.add("first"));
    resources.add(() -> closed.add("second"));
    resources.close();
    resources.close();
    assertThat(closed).containsExactly("second", "first");
  }

  /** A turn that is closed twice would let more requests in than the client's bound. */
  @Test
  void twoThreadsThatCloseThemAtTheSameTimeCloseEachOnce() throws Exception {
    AtomicInteger closed = new AtomicInteger();
    CyclicBarrier together = new CyclicBarrier(2);
    FutureTask<Void> other = new FutureTask<>(() -> fillAndClose(together, closed, false));
    Thread.ofPlatform().start(other);
    fillAndClose(together, closed, true);
    other.get(60, TimeUnit.SECONDS);
  }

  private Void fillAndClose(CyclicBarrier together, AtomicInteger closed, boolean isFilling)
      throws Exception {
    for (int round = 1; round <= 5_000; round++) {
      if (isFilling) {
        for (int i = 0; i < 10; i++) {
          resources.add(closed::incrementAndGet);
        }
      }
      together.await(60, TimeUnit.SECONDS);
      resources.close();
      together.await(60, TimeUnit.SECONDS);
      assertThat(closed).hasValue(10 * round);
      together.await(60, TimeUnit.SECONDS);
    }
    return null;
  }
}
