/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A connection over which any bytes can be sent, and responses are read. For one thread. */
final class RawHttp implements AutoCloseable {
  /** How long an answer may take; a request that needs longer hangs. */
  private static final int PATIENCE = 60_000;

  private final Socket socket = new Socket();
  private final InputStream in;

  record Response(int status, boolean isLast, String body) {}

  RawHttp(int port) throws IOException {
    socket.setReceiveBufferSize(16 << 10); // one that reads nothing is soon full
    socket.connect(new InetSocketAddress("127.0.0.1", port), PATIENCE);
    socket.setSoTimeout(PATIENCE);
    socket.setTcpNoDelay(true);
    in = new BufferedInputStream(socket.getInputStream());
  }

  /** Sends bytes; the server may have closed the connection before it read all of them. */
  void send(byte[] bytes) throws IOException {
    try {
      socket.getOutputStream().write(bytes);
    } catch (SocketException e) {
      // What it answered can be read.
    }
  }

  /** Says that no more bytes come, and reads all responses. */
  List<Response> rest() throws IOException {
    try {
      socket.shutdownOutput();
    } catch (IOException e) {
      // It is closed already.
    }
    List<Response> responses = new ArrayList<>();
    for (Response next = next(); next != null; next = next()) {
      responses.add(next);
    }
    return responses;
  }

  /** Reads the next response; null if the connection has ended. */
  @Nullable Response next() throws IOException {
    try {
      String line = line();
      while (line.startsWith("HTTP/1.1 1")) { // 100 Continue
        while (!line.isEmpty()) {
          line = line();
        }
        line = line();
      }
      if (!line.matches("HTTP/1\\.[01] [1-5][0-9][0-9].*")) {
        throw new AssertionError("not a response: " + line);
      }
      int status = Integer.parseInt(line.substring(9, 12));
      return body(status);
    } catch (EOFException | SocketException e) {
      return null;
    }
  }

  /** Reads the head of a chunked response and its first chunk. */
  String firstChunk() throws IOException {
    String line = line();
    while (!line.isEmpty()) {
      line = line();
    }
    return chunk();
  }

  /** Reads the next chunk. */
  String chunk() throws IOException {
    String chunk = new String(in.readNBytes(Integer.parseInt(line(), 16)), ISO_8859_1);
    line();
    return chunk;
  }

  private Response body(int status) throws IOException {
    long length = -1;
    boolean isChunked = false;
    boolean isLast = false;
    for (String line = line(); !line.isEmpty(); line = line()) {
      String header = line.toLowerCase(Locale.ROOT);
      if (header.startsWith("content-length:")) {
        length = Long.parseLong(header.substring(15).strip());
      }
      isChunked |= header.startsWith("transfer-encoding:") && header.contains("chunked");
      isLast |= header.startsWith("connection:") && header.contains("close");
    }
    if (status == 204 || status == 304) {
      return new Response(status, isLast, "");
    }
    if (!isChunked) {
      byte[] body = in.readNBytes(Math.max(0, Math.toIntExact(length)));
      return new Response(status, isLast, new String(body, ISO_8859_1));
    }
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (int size = Integer.parseInt(line(), 16); size > 0; size = Integer.parseInt(line(), 16)) {
      body.writeBytes(in.readNBytes(size));
      line();
    }
    line();
    return new Response(status, isLast, body.toString(ISO_8859_1));
  }

  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new EOFException();
      }
      if (c != '\r') {
        line.write(c);
      }
    }
    return line.toString(ISO_8859_1);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
