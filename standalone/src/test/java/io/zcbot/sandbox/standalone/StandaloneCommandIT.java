/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.cli.ExitCode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StandaloneCommandIT {
  @TempDir private Path data;

  @Test
  void theBrokerIsClosedIfTheConsolesAddressIsTaken() throws Exception {
    InetAddress loopback = InetAddress.ofLiteral("127.0.0.1");
    int port = FreePort.next();
    StringWriter err = new StringWriter();
    try (ServerSocket taken = new ServerSocket(0, 1, loopback)) {
      String address = "127.0.0.1:" + taken.getLocalPort();
      int code =
          Main.commandLine(
                  new Console(
                      Map.of("ZCBOT_CONSOLE_ADDRESS", address),
                      new PrintWriter(new StringWriter(), true),
                      new PrintWriter(err, true),
                      false))
              .execute(
                  "standalone",
                  "--console",
                  "--kafka-port",
                  Integer.toString(port),
                  "--data",
                  data.toString());
      assertThat(err.toString()).contains(address);
      assertThat(code).isEqualTo(ExitCode.CONFIG);
    }
    EmbeddedBroker.start(data, port).close();
  }
}
