/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.transport.SSLConfig;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Requests after which the engine gives up a connection for a stream in each direction, as
 * "Transport" in its API's description of attach has it. docker-java would keep a thread of the
 * platform for each of them; here both directions are virtual threads.
 */
final class Hijacking implements Closeable {
  private static final Logger log = LoggerFactory.getLogger(Hijacking.class);

  private static final int MOST_HEAD = 16 << 10;
  private static final int MOST_EXPLAINED = 64 << 10;
  private static final int PIECE = 16 << 10;
  private static final String BLANK_LINE = "\r\n\r\n";
  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] ([1-5][0-9]{2}) ?([^\r]*)");
  private static final Pattern LENGTH = Pattern.compile("\r\ncontent-length: *([0-9]{1,5})\r\n");

  private final URI engine;
  private final @Nullable SSLConfig tls;
  private final Set<Connection> open = ConcurrentHashMap.newKeySet();

  Hijacking(URI engine, @Nullable SSLConfig tls) {
    this.engine = engine;
    this.tls = tls;
  }

  private record Connection(Closeable socket, InputStream in, OutputStream out)
      implements Closeable {
    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  /**
   * Takes a connection over. To close the answer closes it, from any thread. The engine is not told
   * of the input's end, since it would take that for the end of the output as well.
   *
   * @param input sent by a thread of its own, to its end
   * @throws DockerException if the engine refuses
   */
  InputStream post(String target, String json, InputStream input) throws IOException {
    Connection connection = connect();
    open.add(connection);
    boolean taken = false;
    try {
      byte[] body = json.getBytes(StandardCharsets.UTF_8);
      List<String> head =
          List.of(
              "POST " + target + " HTTP/1.1",
              "Host: docker",
              "Connection: Upgrade",
              "Upgrade: tcp",
              "Content-Type: application/json",
              "Content-Length: " + body.length);
      connection.out.write(
          (String.join("\r\n", head) + BLANK_LINE).getBytes(StandardCharsets.ISO_8859_1));
      connection.out.write(body);
      connection.out.flush();
      InputStream answer = new BufferedInputStream(connection.in);
      expectSwitch(answer);
      Thread.ofVirtual().name("engine-input").start(() -> send(input, connection));
      taken = true;
      return new FilterInputStream(answer) {
        @Override
        public void close() throws IOException {
          end(connection);
        }
      };
    } finally {
      if (!taken) {
        end(connection);
      }
    }
  }

  /** Ends all of them. */
  @Override
  public void close() throws IOException {
    for (Connection connection : open) {
      end(connection);
    }
  }

  private void end(Connection connection) throws IOException {
    open.remove(connection);
    connection.close();
  }

  private static void send(InputStream input, Connection connection) {
    byte[] buffer = new byte[PIECE];
    try {
      for (int read = input.read(buffer); read >= 0; read = input.read(buffer)) {
        connection.out.write(buffer, 0, read);
        connection.out.flush();
      }
    } catch (IOException e) {
      log.debug("Sending to a container ended", e); // whoever reads from it learns as well
    }
  }

  private static void expectSwitch(InputStream answer) throws IOException {
    String head = head(answer);
    Matcher status = STATUS.matcher(head);
    if (!status.lookingAt()) {
      throw new IOException("the engine's answer does not begin as one of HTTP");
    }
    int code = Integer.parseInt(status.group(1));
    if (code == 101) {
      return;
    }
    Matcher length = LENGTH.matcher(head.toLowerCase(Locale.ROOT));
    String body =
        length.find()
            ? new String(
                answer.readNBytes(Math.min(Integer.parseInt(length.group(1)), MOST_EXPLAINED)),
                StandardCharsets.UTF_8)
            : "";
    throw new DockerException(body.isBlank() ? status.group(2) : body, code);
  }

  /** To the blank line, and no further. */
  private static String head(InputStream answer) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.length() < BLANK_LINE.length()
        || head.indexOf(BLANK_LINE, head.length() - BLANK_LINE.length()) < 0) {
      int next = answer.read();
      if (next < 0) {
        throw new EOFException("the engine closed the connection");
      }
      if (head.length() == MOST_HEAD) {
        throw new IOException("the head of the engine's answer does not end");
      }
      head.append((char) next);
    }
    return head.toString();
  }

  private Connection connect() throws IOException {
    if (engine.getScheme().equals("unix")) {
      return plain(UnixDomainSocketAddress.of(engine.getPath()));
    }
    SocketAddress address = new InetSocketAddress(engine.getHost(), engine.getPort());
    return tls == null ? plain(address) : encrypted(address, tls);
  }

  private static Connection plain(SocketAddress address) throws IOException {
    SocketChannel channel =
        address instanceof UnixDomainSocketAddress
            ? SocketChannel.open(StandardProtocolFamily.UNIX)
            : SocketChannel.open();
    boolean connected = false;
    try {
      channel.connect(address);
      connected = true;
    } finally {
      if (!connected) {
        channel.close();
      }
    }
    return new Connection(
        channel, Channels.newInputStream(channel), Channels.newOutputStream(channel));
  }

  private Connection encrypted(SocketAddress address, SSLConfig config) throws IOException {
    SSLSocketFactory factory;
    try {
      factory = config.getSSLContext().getSocketFactory();
    } catch (GeneralSecurityException e) {
      throw new IOException("the keys for the engine could not be used: " + e.getMessage(), e);
    }
    SSLSocket socket = (SSLSocket) factory.createSocket();
    boolean connected = false;
    try {
      socket.connect(address);
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      connected = true;
    } finally {
      if (!connected) {
        socket.close();
      }
    }
    return new Connection(socket, socket.getInputStream(), socket.getOutputStream());
  }
}
