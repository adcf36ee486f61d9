/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.standalone.EmbeddedBroker;
import java.io.EOFException;
import java.nio.file.Path;

/** The standalone's broker in a JVM of its own: prints where it serves, and ends with its input. */
final class BrokerProcess {
  /** Begins the line that says where it serves. */
  static final String ANNOUNCEMENT = "broker serves on ";

  private BrokerProcess() {}

  public static void main(String[] args) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(Path.of(args[0]), 0)) {
      System.out.println(ANNOUNCEMENT + broker.bootstrapServers());
      System.in.skipNBytes(Long.MAX_VALUE);
    } catch (EOFException _) {
      // the measuring process has ended
    }
    System.exit(0);
  }
}
