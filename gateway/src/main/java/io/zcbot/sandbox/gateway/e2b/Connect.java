/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.gateway.TimedOutput;
import io.zcbot.sandbox.gateway.e2b.ConnectException.Code;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The Connect protocol as E2B's clients speak it, in JSON or Protobuf: unary calls, and streams of
 * the server. A stream's errors are in its last message, since clients lose those of its status.
 */
final class Connect {
  /** The longest message of a request, in bytes. */
  static final int MAX_MESSAGE = 4 << 20;

  private static final int HEADER = 5;
  private static final int END = 2;

  private Connect() {}

  /** Reads the message of a unary call. */
  static ObjectNode unary(ServerRequest request, Codec codec) {
    try {
      return codec.read(Json.bytes(request, MAX_MESSAGE));
    } catch (E2bException e) {
      throw new ConnectException(
          e.status() == 413 ? Code.RESOURCE_EXHAUSTED : Code.INVALID_ARGUMENT, e.text());
    }
  }

  /** Reads the only message of a request for a stream. */
  static ObjectNode streamed(ServerRequest request, Codec codec) {
    byte[] body;
    try {
      body = Json.bytes(request, MAX_MESSAGE + HEADER);
    } catch (E2bException e) {
      throw new ConnectException(Code.RESOURCE_EXHAUSTED, e.text());
    }
    if (body.length < HEADER) {
      throw new ConnectException(Code.INVALID_ARGUMENT, "the request has no message");
    }
    if (body[0] != 0) {
      throw new ConnectException(
          Code.INVALID_ARGUMENT, "the message has flags " + body[0] + "; only 0 is supported");
    }
    if (ByteBuffer.wrap(body, 1, 4).getInt() != body.length - HEADER) {
      throw new ConnectException(
          Code.INVALID_ARGUMENT, "the message's length is not that of the request's body");
    }
    try {
      return codec.read(Arrays.copyOfRange(body, HEADER, body.length));
    } catch (E2bException e) {
      throw new ConnectException(Code.INVALID_ARGUMENT, e.text());
    }
  }

  /** Answers a unary call. */
  static void answer(ServerResponse response, Codec codec, JsonNode message) {
    response
        .status(200)
        .header("Content-Type", "application/" + codec.name())
        .send(codec.write(message));
  }

  /** Answers a unary call with an error, which is JSON in all codecs. */
  static void answer(ServerResponse response, ConnectException e) {
    response
        .status(e.code().status())
        .header("Content-Type", "application/json")
        .send(Json.write(error(e)));
  }

  private static ObjectNode error(ConnectException e) {
    return Json.MAPPER.createObjectNode().put("code", e.code().wire()).put("message", e.text());
  }

  /** The messages of one stream, each sent at once. Safe for concurrent use. */
  static final class Stream {
    private final ServerResponse response;
    private final Codec codec;
    private @Nullable OutputStream out;
    private boolean isEnded;
    private volatile long sentAt = System.nanoTime();

    Stream(ServerResponse response, Codec codec) {
      this.response = response;
      this.codec = codec;
    }

    /**
     * Sends a message. Does nothing behind the last one.
     *
     * @throws UncheckedIOException if the client is gone, or takes nothing
     */
    synchronized void send(JsonNode message) {
      if (!isEnded) {
        write(0, codec.write(message));
      }
    }

    /** Returns when the last message was sent, as {@link System#nanoTime}. */
    long sentAt() {
      return sentAt;
    }

    /** Sends the last message: without an error if the stream ended as it should. */
    synchronized void end(@Nullable ConnectException e) {
      if (isEnded) {
        return;
      }
      ObjectNode last = Json.MAPPER.createObjectNode();
      if (e != null) {
        last.set("error", error(e));
      }
      write(END, Json.write(last));
      isEnded = true;
      try {
        if (out != null) {
          out.close();
        }
      } catch (IOException failure) {
        throw new UncheckedIOException(failure);
      }
    }

    private void write(int flags, byte[] message) {
      byte[] frame =
          ByteBuffer.allocate(HEADER + message.length)
              .put((byte) flags)
              .putInt(message.length)
              .put(message)
              .array();
      try {
        if (out == null) {
          response.status(200).header("Content-Type", "application/connect+" + codec.name());
          out = new TimedOutput(response.outputStream());
        }
        out.write(frame);
        out.flush();
        sentAt = System.nanoTime();
      } catch (IOException e) {
        isEnded = true;
        throw new UncheckedIOException(e);
      }
    }
  }
}
