/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/** What reading the topics tells whoever counts. */
public interface IntakeMetrics {
  /** A record of an input topic was no event and went to the dead-letter topic. */
  void deadLettered(String topic);

  /** A record lay in another partition than its key's and was sent on to the right one. */
  void forwarded(String topic);

  /** An activity was read. */
  void activity();

  /** Counts nothing. */
  IntakeMetrics NONE =
      new IntakeMetrics() {
        @Override
        public void deadLettered(String topic) {}

        @Override
        public void forwarded(String topic) {}

        @Override
        public void activity() {}
      };
}
