/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;

/**
 * What a client counts. {@link MicrometerMetrics} passes it on to Micrometer, and is used by itself
 * if Micrometer is there. Methods are called by any thread and must not block.
 */
public interface ClientMetrics {
  /** Counts nothing. */
  ClientMetrics NONE = new ClientMetrics() {};

  /** Something that is asked of a worker. */
  enum Request {
    ENSURE,
    COMMAND,
    RELEASE
  }

  /** What a record that was read is. */
  enum RecordUse {
    /** It answers somebody here. */
    OWN,
    /** It is about other users, or about what somebody else asked for. */
    FOREIGN,
    /** It is no valid event, or one that does not fit what was asked. */
    UNUSABLE
  }

  /**
   * A request ended.
   *
   * @param outcome a short name of how, one of a few
   * @param took from the call to its return
   */
  default void ended(Request request, String outcome, Duration took) {}

  /** A request was published once more. */
  default void repeated(Request request) {}

  /** A record was read. */
  default void read(RecordUse use) {}

  /** So many more requests wait for their answer, or fewer. */
  default void inFlight(int change) {}

  /** Whether an activity was published or left out, because one was a short time ago. */
  default void activity(boolean published) {}
}
