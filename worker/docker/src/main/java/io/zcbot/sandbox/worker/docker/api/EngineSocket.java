/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.github.dockerjava.transport.SSLConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.security.GeneralSecurityException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

/**
 * The address of an engine, a Unix socket or TCP, and how to connect to it without docker-java.
 *
 * @param tls key material for TLS; null for an unencrypted connection, and ignored on a Unix socket
 */
record EngineSocket(URI engine, @Nullable SSLConfig tls) {
  private static final int KEEP_IDLE_SECONDS = 60;
  private static final int KEEP_INTERVAL_SECONDS = 15;
  private static final int KEEP_COUNT = 4;

  /** The two directions of a connection, decrypted. */
  record Streams(InputStream in, OutputStream out) {}

  /**
   * Opens a channel that is not connected yet. Closing it from another thread aborts {@link
   * #connect} and all reads and writes.
   */
  SocketChannel open() throws IOException {
    return isFile() ? SocketChannel.open(StandardProtocolFamily.UNIX) : keptAlive();
  }

  /**
   * A channel over TCP whose reads fail within two minutes if the engine's host is gone. A read
   * that only waits would otherwise never notice.
   */
  private static SocketChannel keptAlive() throws IOException {
    SocketChannel channel = SocketChannel.open();
    try {
      return channel
          .setOption(StandardSocketOptions.SO_KEEPALIVE, true)
          .setOption(ExtendedSocketOptions.TCP_KEEPIDLE, KEEP_IDLE_SECONDS)
          .setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, KEEP_INTERVAL_SECONDS)
          .setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, KEEP_COUNT);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /** Connects a channel and, with TLS, verifies that the certificate names the engine's host. */
  Streams connect(SocketChannel channel) throws IOException {
    if (isFile()) {
      channel.connect(UnixDomainSocketAddress.of(engine.getPath()));
    } else {
      channel.connect(
          new InetSocketAddress(InetAddress.getByName(engine.getHost()), engine.getPort()));
    }
    return tls == null || isFile()
        ? new Streams(Channels.newInputStream(channel), Channels.newOutputStream(channel))
        : encrypted(channel, tls);
  }

  private Streams encrypted(SocketChannel channel, SSLConfig config) throws IOException {
    SSLSocketFactory factory;
    try {
      factory = config.getSSLContext().getSocketFactory();
    } catch (GeneralSecurityException e) {
      throw new IOException("the keys for the engine could not be used: " + e.getMessage(), e);
    }
    SSLSocket socket =
        (SSLSocket)
            factory.createSocket(channel.socket(), engine.getHost(), engine.getPort(), true);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    return new Streams(socket.getInputStream(), socket.getOutputStream());
  }

  private boolean isFile() {
    return engine.getScheme().equals("unix");
  }
}
