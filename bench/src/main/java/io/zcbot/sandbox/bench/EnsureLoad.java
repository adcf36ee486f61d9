/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.util.List;
import org.HdrHistogram.Histogram;

/** Ensures as an agent service makes them, through a client library. */
interface EnsureLoad extends AutoCloseable {
  /**
   * Open loop: microseconds from when each ensure was to begin until its caller has the answer.
   *
   * @param users in turn
   */
  void run(List<UserId> users, double perSecond, double seconds, Histogram into) throws Exception;

  @Override
  void close() throws IOException;
}
