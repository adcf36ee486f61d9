/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;

class BrokerProbeTest {
  @Test
  void oneServerThatListensIsEnough() throws Exception {
    try (ServerSocket broker = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
      assertThat(BrokerProbe.problem("127.0.0.1:1, 127.0.0.1:" + broker.getLocalPort())).isNull();
    }
  }

  @Test
  void theReasonIsNamed() throws Exception {
    assertThat(BrokerProbe.problem("127.0.0.1:1")).isEqualTo("Connection refused");
    assertThat(BrokerProbe.problem("[::1]:1,127.0.0.1:1")).contains("127.0.0.1:1: Connection");
    assertThat(BrokerProbe.problem("no.such.host.invalid:9092")).isNotNull();
  }
}
