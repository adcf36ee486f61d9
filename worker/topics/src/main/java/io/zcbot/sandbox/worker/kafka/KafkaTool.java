/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.worker.config.KafkaConfig;

/** Command lines of Kafka's own tools, for operators. */
public final class KafkaTool {
  private KafkaTool() {}

  /** The tool with the address of the brokers; the caller appends other options. */
  public static String line(String tool, KafkaConfig config) {
    return tool + " --bootstrap-server " + quoted(config.bootstrapServers());
  }

  /** Quotes a text as one word for a shell. */
  public static String quoted(String text) {
    return text.matches("[A-Za-z0-9.:,_/-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
