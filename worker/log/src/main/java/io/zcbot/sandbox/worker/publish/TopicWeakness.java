/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

/**
 * A topic that can be used, but whose settings endanger records or workers.
 *
 * @param topic its name
 * @param problem the settings, each with its consequence
 * @param remedy the commands that set what is recommended
 */
public record TopicWeakness(String topic, String problem, String remedy) {
  /** The problem and the remedy in one sentence each, for logs. */
  public String text() {
    return topic + " has " + problem + ". Run: " + remedy;
  }
}
