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
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.security.GeneralSecurityException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * Where an engine takes connections.
 *
 * @param tls the keys for an engine that encrypts; null for one that does not
 */
record EngineSocket(URI engine, @Nullable SSLConfig tls) {
  /** What an engine says on a connection, and what it is told. */
  record Streams(InputStream in, OutputStream out) {}

  /** A channel that is not connected yet. To close it ends whatever a thread does with it. */
  SocketChannel open() throws IOException {
    return isFile() ? SocketChannel.open(StandardProtocolFamily.UNIX) : SocketChannel.open();
  }

  /** Connects a channel; an engine that encrypts must be the one that is named. */
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
