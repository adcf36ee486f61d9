/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;

/**
 * Receives what a client counts. {@link MicrometerMetrics} passes it on to Micrometer, and is the
 * default if Micrometer is on the class path. Methods can be called by any thread, also
 * concurrently, and must not block.
 */
public interface ClientMetrics {
  /** Ignores everything. */
  ClientMetrics NONE = new ClientMetrics() {};

  /** A kind of request to workers. */
  enum Request {
    ENSURE,
    COMMAND,
    RELEASE
  }

  /** What a record that was read is used for. */
  enum RecordUse {
    /** It answers a request of this client. */
    OWN,
    /** It is about another user, or answers a request of another client. */
    FOREIGN,
    /** It is not a valid event, or does not fit the request. */
    UNUSABLE
  }

  /**
   * A request ended.
   *
   * @param outcome how it ended: {@code created}, {@code reused}, {@code recreated} or {@code
   *     claimed} for an ensure, {@code exited} or {@code signalled} for a command, the reason of
   *     the sandbox's end or {@code none} for a release, otherwise {@code interrupted} or the
   *     simple name of the exception's class
   * @param took time from the call to its return
   */
  default void ended(Request request, String outcome, Duration took) {}

  /** A request was published again. */
  default void repeated(Request request) {}

  /** A record was read. */
  default void read(RecordUse use) {}

  /**
   * The number of requests that wait for their answer changed.
   *
   * @param change the difference to the number before; negative if there are fewer
   */
  default void inFlight(int change) {}

  /**
   * Use of a sandbox was reported.
   *
   * @param published whether an activity was published; false if it was left out because an earlier
   *     one was recent enough
   */
  default void activity(boolean published) {}
}
