/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;

/**
 * Resources that are closed together, in reverse order, and each once, also if several threads
 * close them. Safe for concurrent use.
 */
final class Resources implements AutoCloseable {
  private final Deque<Runnable> closes = new ConcurrentLinkedDeque<>();

  void add(Runnable close) {
    closes.push(close);
  }

  @Override
  public void close() {
    for (Runnable close = closes.pollFirst(); close != null; close = closes.pollFirst()) {
      close.run();
    }
  }
}
