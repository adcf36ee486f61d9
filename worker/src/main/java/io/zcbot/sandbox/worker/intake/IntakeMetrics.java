/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/** Metrics of reading the input topics. */
public interface IntakeMetrics {
  /** A record of an input topic was not a valid event and was written to the dead-letter topic. */
  default void deadLettered(String topic) {}

  /** A record was in another partition than that of its key and was forwarded to the right one. */
  default void forwarded(String topic) {}

  default void activity() {}

  /** Inputs for commands that are not known, or not any more, were dropped. */
  default void inputsDropped(int count) {}

  /** Counts nothing. */
  IntakeMetrics NONE = new IntakeMetrics() {};
}
