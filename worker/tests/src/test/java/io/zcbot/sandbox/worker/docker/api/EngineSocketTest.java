/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.StandardSocketOptions;
import java.net.URI;
import java.nio.channels.SocketChannel;
import jdk.net.ExtendedSocketOptions;
import org.junit.jupiter.api.Test;

class EngineSocketTest {
  private static SocketChannel open(String engine) throws Exception {
    return new EngineSocket(URI.create(engine), null).open();
  }

  /** What the kernel then does takes a host that vanishes. */
  @Test
  void whoeverWaitsForAnEngineOverTcpNoticesThatItsHostIsGone() throws Exception {
    try (SocketChannel channel = open("tcp://127.0.0.1:2375")) {
      assertThat(channel.getOption(StandardSocketOptions.SO_KEEPALIVE)).isTrue();
      int seconds =
          channel.getOption(ExtendedSocketOptions.TCP_KEEPIDLE)
              + channel.getOption(ExtendedSocketOptions.TCP_KEEPCOUNT)
                  * channel.getOption(ExtendedSocketOptions.TCP_KEEPINTERVAL);
      assertThat(seconds).isLessThanOrEqualTo(120);
    }
  }

  @Test
  void anEngineOnAUnixSocketNeedsNone() throws Exception {
    try (SocketChannel channel = open("unix:///var/run/docker.sock")) {
      assertThat(channel.supportedOptions()).doesNotContain(StandardSocketOptions.SO_KEEPALIVE);
    }
  }
}
