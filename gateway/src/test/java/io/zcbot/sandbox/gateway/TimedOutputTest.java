/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import io.zcbot.sandbox.gateway.TimedOutput.ClientGoneException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Over a real socket. The tests of the gateway show its streams, whose bound is a minute. */
class TimedOutputTest {
  @Test
  void aClientThatTakesNothingIsLeft() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Socket _ = new Socket(server.getInetAddress(), server.getLocalPort());
        Socket accepted = server.accept()) {
      CompletableFuture<Exception> failure = new CompletableFuture<>();
      CompletableFuture<Boolean> isInterrupted = new CompletableFuture<>();
      Thread.ofVirtual()
          .start(
              () -> {
                try (TimedOutput out =
                    new TimedOutput(accepted.getOutputStream(), Duration.ofMillis(300))) {
                  while (true) {
                    out.write(new byte[1 << 20]);
                  }
                } catch (IOException e) {
                  failure.complete(e);
                }
                isInterrupted.complete(Thread.currentThread().isInterrupted());
              });
      assertThat(failure.get(30, TimeUnit.SECONDS))
          .isInstanceOf(ClientGoneException.class)
          .hasMessageContaining("took nothing");
      assertThat(isInterrupted.get(30, TimeUnit.SECONDS)).isFalse();
      assertThat(accepted.isClosed()).isTrue();
    }
  }

  @Test
  void aClientThatTakesSomethingIsWaitedFor() throws Exception {
    int[] longest = {0};
    OutputStream slow =
        new OutputStream() {
          @Override
          public void write(int b) {}

          @Override
          public void write(byte[] bytes, int offset, int length) {
            longest[0] = Math.max(longest[0], length);
          }
        };
    new TimedOutput(slow).write(new byte[1 << 20], 1, (1 << 20) - 1);
    assertThat(longest[0]).as("what is waited for at once").isEqualTo(64 << 10);
  }

  @Test
  void aWriteThatIsTakenIsNotInterruptedLater() throws Exception {
    TimedOutput out = new TimedOutput(OutputStream.nullOutputStream(), Duration.ofSeconds(1));
    out.write(1);
    out.flush();
    assertThatNoException().isThrownBy(() -> Thread.sleep(1200));
  }

  @Test
  void theServersOwnExceptionsMeanTheSame() {
    OutputStream broken =
        new OutputStream() {
          @Override
          public void write(int b) {
            throw new IllegalStateException("closed");
          }
        };
    assertThat(
            org.assertj.core.api.Assertions.catchException(() -> new TimedOutput(broken).write(1)))
        .isInstanceOf(ClientGoneException.class)
        .hasRootCauseMessage("closed");
  }
}
