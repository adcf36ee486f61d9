/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ServerConnectionException;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http.ServerRequest;
import io.zcbot.sandbox.gateway.TimedOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.OptionalLong;
import java.util.Set;

/** Passes one request on to a server in a sandbox, and its answer back, as both come. */
final class Exchange {
  /** A body up to this length is sent with the head, by the same thread. */
  private static final int SMALL = 64 * 1024;

  private final ServerRequest request;
  private final RoutingResponse response;
  private final PortConnection connection;
  private volatile boolean isBodySent = true;

  Exchange(ServerRequest request, RoutingResponse response, PortConnection connection) {
    this.request = request;
    this.response = response;
    this.connection = connection;
  }

  /**
   * Passes both on.
   *
   * @throws PortException if there was no answer that could be passed on
   * @throws CloseConnectionException if the answer broke off, or the client is gone
   */
  void run() throws PortException, InterruptedException {
    sendRequest();
    boolean isHead = request.prologue().method().text().equals("HEAD");
    ServerAnswer answer = ServerAnswer.read(connection, isHead);
    if (answer.status().code() == 101) {
      throw new PortException(502, "the server in the sandbox switches protocols unasked");
    }
    try {
      sendAnswer(answer);
    } catch (PortException e) {
      throw new CloseConnectionException("the answer broke off: " + e.getMessage(), e);
    } catch (IOException | UncheckedIOException | ServerConnectionException e) {
      throw new CloseConnectionException("the client is gone", e);
    }
  }

  private void sendRequest() throws PortException, InterruptedException {
    String method = request.prologue().method().text();
    RequestHead head =
        new RequestHead(
                method,
                request.prologue().uriPath().rawPath(),
                request.prologue().query().rawValue(),
                request.authority(),
                request.headers())
            .with("Connection", "close");
    if (!request.content().hasEntity()) {
      if (Set.of("POST", "PUT", "PATCH").contains(method)) {
        head.with("Content-Length", "0");
      }
      send(head.bytes());
      return;
    }
    OptionalLong length =
        request.headers().contains(HeaderNames.CONTENT_ENCODING)
            ? OptionalLong.empty() // it is decoded here
            : request.headers().contentLength();
    if (length.isPresent() && length.getAsLong() <= SMALL) {
      byte[] body = readSmall((int) length.getAsLong());
      send(head.with("Content-Length", Integer.toString(body.length)).bytes());
      send(body);
      return;
    }
    if (length.isPresent()) {
      head.with("Content-Length", Long.toString(length.getAsLong()));
    } else {
      head.with("Transfer-Encoding", "chunked");
    }
    send(head.bytes());
    isBodySent = false;
    if (isHttp1()) {
      // Whatever is answered before the body is sent: what is left must not be taken for a request.
      response.headers().set(HeaderValues.CONNECTION_CLOSE);
    }
    Thread.ofVirtual().name("ports-body").start(() -> sendBody(length.isEmpty()));
  }

  private boolean isHttp1() {
    return request.prologue().protocolVersion().startsWith("1");
  }

  private byte[] readSmall(int length) throws PortException {
    try (InputStream in = request.content().inputStream()) {
      byte[] body = in.readNBytes(length);
      if (body.length < length) {
        throw new PortException(400, "the body is shorter than its Content-Length");
      }
      return body;
    } catch (PortException e) {
      throw e;
    } catch (IOException e) {
      throw new PortException(400, "the body can't be read: " + e.getMessage());
    }
  }

  private void send(byte[] bytes) throws PortException, InterruptedException {
    connection.write(bytes, 0, bytes.length);
  }

  /** Sends the body while the answer may come already. Ends when the connection is closed. */
  private void sendBody(boolean isChunked) {
    byte[] buffer = new byte[SMALL];
    try (InputStream in = request.content().inputStream()) {
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        if (isChunked && count > 0) {
          send((Integer.toHexString(count) + "\r\n").getBytes(ISO_8859_1));
        }
        connection.write(buffer, 0, count);
        if (isChunked && count > 0) {
          send("\r\n".getBytes(ISO_8859_1));
        }
      }
      if (isChunked) {
        send("0\r\n\r\n".getBytes(ISO_8859_1));
      }
      isBodySent = true;
    } catch (PortException e) {
      // The server has closed its side, or the answer is complete. Who reads the answer is told.
    } catch (IOException | RuntimeException e) {
      connection.fail(new PortException(400, "the body can't be read: " + e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void sendAnswer(ServerAnswer answer) throws IOException {
    Set<String> left = RequestHead.hop(answer.headers());
    for (Header header : answer.headers()) {
      if (!left.contains(header.headerName().lowerCase())) {
        response.headers().add(header);
      }
    }
    if (isBodySent) {
      response.headers().remove(HeaderNames.CONNECTION);
    }
    long length = answer.length();
    if (answer.hasNoBody()) {
      response.status(answer.status());
      if (length >= 0 && request.prologue().method().text().equals("HEAD")) {
        response.headers().contentLength(length);
      }
      response.send();
      return;
    }
    response.status(answer.status());
    if (length >= 0) {
      response.headers().contentLength(length);
    }
    if (length == 0) {
      response.send();
      return;
    }
    OutputStream out = new TimedOutput(response.outputStream());
    if (length < 0) {
      EarlyHead.send(response); // the body may come much later
    }
    for (byte[] part = answer.next(); part != null; part = answer.next()) {
      out.write(part);
      out.flush();
    }
    response.commit();
  }
}
