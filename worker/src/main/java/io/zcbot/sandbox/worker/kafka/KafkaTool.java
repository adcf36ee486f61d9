/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.worker.config.KafkaConfig;

/** Command lines of Kafka's own tools, for people to run. */
public final class KafkaTool {
  private KafkaTool() {}

  /** The tool, told where the brokers are. Its other options follow. */
  public static String line(String tool, KafkaConfig config) {
    return tool + " --bootstrap-server " + quoted(config.bootstrapServers());
  }

  /** One word for a shell. */
  public static String quoted(String text) {
    return text.matches("[A-Za-z0-9.:,_/-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
