/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader.InsufficientDataAvailableException;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.http.Header;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.spi.ServerConnection;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client's connection that has become a WebSocket: its bytes pass in both directions. */
final class Tunnel implements ServerConnection {
  private static final Logger log = LoggerFactory.getLogger(Tunnel.class);

  private final ConnectionContext client;
  private final PortConnection connection;
  private final ServerAnswer answer;
  private volatile long usedAt = System.nanoTime();
  private volatile boolean isClosed;
  private volatile Thread reader = Thread.currentThread();

  /**
   * @param answer with which the server has switched to the other protocol
   */
  Tunnel(ConnectionContext client, PortConnection connection, ServerAnswer answer) {
    this.client = client;
    this.connection = connection;
    this.answer = answer;
  }

  @Override
  public void handle(Limit limit) {
    reader = Thread.currentThread();
    try (connection) {
      client.dataWriter().writeNow(BufferData.create(head()));
      Thread out = Thread.ofVirtual().name("ports-tunnel").start(this::passOut);
      passIn();
      out.join();
    } catch (PortException | RuntimeException e) {
      log.debug("a WebSocket has ended: {}", e.getMessage()); // one of the two is gone
    } catch (InterruptedException e) {
      log.debug("a WebSocket was closed");
    }
  }

  private byte[] head() {
    StringBuilder head = new StringBuilder("HTTP/1.1 101 Switching Protocols\r\n");
    head.append("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    Set<String> left = RequestHead.hop(answer.headers());
    for (Header header : answer.headers()) {
      if (!left.contains(header.headerName().lowerCase())) {
        for (String value : header.allValues()) {
          head.append(header.headerName().defaultCase()).append(": ").append(value).append("\r\n");
        }
      }
    }
    return (head + "\r\n").getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Passes on what the client sends, until it ends. */
  private void passIn() throws PortException, InterruptedException {
    try {
      while (!isClosed) {
        client.dataReader().ensureAvailable();
        byte[] bytes = client.dataReader().readBytes(client.dataReader().available());
        usedAt = System.nanoTime();
        connection.write(bytes, 0, bytes.length);
      }
    } catch (InsufficientDataAvailableException e) {
      connection.end();
    }
  }

  /** Passes on what the server sends. After that, nothing the client sends is of interest. */
  private void passOut() {
    try {
      for (byte[] part = answer.nextOfOtherProtocol();
          part != null;
          part = answer.nextOfOtherProtocol()) {
        usedAt = System.nanoTime();
        client.dataWriter().writeNow(BufferData.create(part));
      }
    } catch (PortException | RuntimeException e) {
      log.debug("a WebSocket has ended: {}", e.getMessage());
    } finally {
      close(true);
    }
  }

  @Override
  public Duration idleTime() {
    return Duration.ofNanos(System.nanoTime() - usedAt);
  }

  @Override
  public void close(boolean interrupt) {
    isClosed = true;
    connection.close();
    reader.interrupt(); // which closes the client's connection if it is read
  }
}
