/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/** Metrics of reading the input topics. */
public interface IntakeMetrics {
  /** A record of an input topic was not a valid event and was written to the dead-letter topic. */
  default void deadLettered(String topic) {}

  /** A record was in the wrong partition and was forwarded to that of its key. */
  default void forwarded(String topic) {}

  /** A record was dropped, because the partition that it should have gone to takes nothing. */
  default void diversionDropped(String topic) {}

  default void activity() {}

  /** Inputs for commands that are unknown, or no longer known, were dropped. */
  default void inputsDropped(int count) {}

  /** Counts nothing. */
  IntakeMetrics NONE = new IntakeMetrics() {};
}
