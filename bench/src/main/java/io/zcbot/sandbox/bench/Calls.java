/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.HdrHistogram.Histogram;

/** Calls that block, made by several threads. */
final class Calls {
  interface Nth {
    void run(int i) throws Exception;
  }

  interface ForUser {
    void run(UserId user) throws Exception;
  }

  private Calls() {}

  /** Open loop: microseconds from when each call was to begin. */
  static void atRate(double perSecond, double seconds, Histogram into, Nth call) throws Exception {
    List<Future<?>> calls = new ArrayList<>();
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      OpenLoop.run(
          perSecond,
          seconds,
          (i, intended) ->
              calls.add(
                  threads.submit(
                      () -> {
                        call.run(i);
                        into.recordValue((System.nanoTime() - intended) / 1000);
                        return null;
                      })));
      for (Future<?> each : calls) {
        each.get();
      }
    }
  }

  /** Milliseconds until all is done. */
  static double inParallel(int threads, List<UserId> users, ForUser call) throws Exception {
    long begin = System.nanoTime();
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Future<?>> all = new ArrayList<>();
      for (UserId user : users) {
        all.add(
            pool.submit(
                () -> {
                  call.run(user);
                  return null;
                }));
      }
      for (Future<?> each : all) {
        each.get();
      }
    }
    return (System.nanoTime() - begin) / 1e6;
  }
}
