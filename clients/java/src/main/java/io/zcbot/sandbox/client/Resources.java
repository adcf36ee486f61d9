/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.ArrayDeque;
import java.util.Deque;

/** Resources that are closed together, in reverse order. */
final class Resources implements AutoCloseable {
  private final Deque<Runnable> closes = new ArrayDeque<>();

  void add(Runnable close) {
    closes.push(close);
  }

  @Override
  public void close() {
    while (!closes.isEmpty()) {
      closes.pop().run();
    }
  }
}
