/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import io.modelcontextprotocol.spec.McpSchema.ErrorCodes;
import io.zcbot.sandbox.client.EnsureOptions;
import io.zcbot.sandbox.client.Sandbox;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/** The stdio transport: one message a line, about the sandbox of one user. */
public final class McpStdio {
  /** How many messages are served at once. */
  private static final int MOST = 32;

  /** How many cancellations are served besides. */
  private static final int MOST_CANCELLATIONS = 64;

  private static final Duration ENDING = Duration.ofSeconds(30);

  private final McpEndpoint endpoint;
  private final McpCaller caller;
  private final OutputStream out;
  private final Semaphore places = new Semaphore(MOST);
  private final Semaphore cancellations = new Semaphore(MOST_CANCELLATIONS);
  private volatile @Nullable IOException failure;

  /**
   * Creates the transport.
   *
   * @param ensure how to ask for the sandbox
   * @param longestCommand the longest time that a worker lets a command run
   */
  public McpStdio(
      Sandbox sandbox, EnsureOptions ensure, Duration longestCommand, OutputStream out) {
    this.endpoint = new McpEndpoint(longestCommand);
    this.caller =
        new McpCaller(
            sandbox,
            new McpCaller.Life() {
              @Override
              public void ensure(boolean isGone) throws InterruptedException {
                var _ = sandbox.ensure(ensure);
              }

              @Override
              public boolean stop() throws InterruptedException {
                return sandbox.release(ENDING).isPresent();
              }
            },
            UUID.randomUUID().toString(),
            bytes -> true); // it is the user's own process
    this.out = out;
  }

  /**
   * Answers messages until their end. Commands that still run go on until their time-outs.
   *
   * @throws IOException if the input can't be read, or has a line of more than 8 MiB, or nobody
   *     reads the output any more
   */
  public void serve(InputStream in) throws IOException, InterruptedException {
    InputStream buffered = new BufferedInputStream(in);
    for (byte[] line = line(buffered); line != null; line = line(buffered)) {
      if (failure != null) {
        throw failure;
      }
      if (line.length == 0) {
        continue;
      }
      JsonNode message = McpEndpoint.read(line);
      if (message == null) {
        send(McpEndpoint.parseError());
        continue;
      }
      Semaphore kind = McpEndpoint.isCancellation(message) ? cancellations : places;
      if (!kind.tryAcquire()) { // a wait would keep back the cancellations behind this
        send(
            McpEndpoint.write(
                McpEndpoint.error(
                    message.get("id"),
                    ErrorCodes.INTERNAL_ERROR,
                    MOST + " messages are being served; send this again when one is answered")));
        continue;
      }
      Thread.ofVirtual()
          .name("mcp")
          .start(
              () -> {
                try {
                  byte[] answer = endpoint.answer(caller, message, this::send);
                  if (answer != null) {
                    send(answer);
                  }
                } finally {
                  kind.release();
                }
              });
    }
  }

  private static byte @Nullable [] line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int next = in.read(); next != '\n'; next = in.read()) {
      if (next < 0) {
        return null;
      }
      if (line.size() == McpEndpoint.MAX_MESSAGE) {
        throw new IOException("a message has more than 8 MiB");
      }
      if (next != '\r') {
        line.write(next);
      }
    }
    return line.toByteArray();
  }

  /** Sends a message, unless nobody reads, which does not end commands. */
  private synchronized void send(byte[] message) {
    if (failure != null) {
      return;
    }
    try {
      out.write(message);
      out.write('\n');
      out.flush();
    } catch (IOException e) {
      failure = e;
    }
  }
}
