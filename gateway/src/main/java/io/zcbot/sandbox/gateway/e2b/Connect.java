/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.gateway.BodyMemory;
import io.zcbot.sandbox.gateway.TimedOutput;
import io.zcbot.sandbox.gateway.e2b.ConnectException.Code;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
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
          e.status() == 400 ? Code.INVALID_ARGUMENT : Code.RESOURCE_EXHAUSTED, e.text());
    }
  }

  /** Reads the only message of a request for a stream. */
  static ObjectNode streamed(ServerRequest request, Codec codec) {
    try (InputStream in = request.content().inputStream()) {
      ObjectNode message = next(in, codec, BodyMemory.of(request));
      if (message == null) {
        throw new ConnectException(Code.INVALID_ARGUMENT, "the request has no message");
      }
      if (in.read() >= 0) {
        throw new ConnectException(Code.INVALID_ARGUMENT, "the request has more than one message");
      }
      return message;
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  static ConnectException unreadable(Exception e) {
    return new ConnectException(
        Code.INVALID_ARGUMENT, "the request can't be read: " + e.getMessage());
  }

  /** Reads the next message of a stream; null at its end. */
  static @Nullable ObjectNode next(InputStream in, Codec codec, BodyMemory.Part room)
      throws IOException {
    byte[] header = in.readNBytes(HEADER);
    if (header.length == 0) {
      return null;
    }
    if (header.length < HEADER) {
      throw new EOFException("it ends within a message");
    }
    if (header[0] != 0) {
      throw new ConnectException(
          Code.INVALID_ARGUMENT, "the message has flags " + header[0] + "; only 0 is supported");
    }
    int length = ByteBuffer.wrap(header, 1, 4).getInt();
    if (length < 0 || length > MAX_MESSAGE) {
      throw new ConnectException(
          Code.RESOURCE_EXHAUSTED, "a message has more than " + MAX_MESSAGE + " bytes");
    }
    if (!room.hold(length)) {
      throw new ConnectException(Code.RESOURCE_EXHAUSTED, BodyMemory.FULL);
    }
    byte[] message = in.readNBytes(length);
    if (message.length < length) {
      throw new EOFException("it ends within a message");
    }
    try {
      return codec.read(message);
    } catch (E2bException e) {
      throw new ConnectException(Code.INVALID_ARGUMENT, e.text());
    }
  }

  /** Answers a unary call. */
  static void answer(ServerResponse response, Codec codec, JsonNode message) {
    response.status(200).header("Content-Type", "application/" + codec.name());
    TimedOutput.send(response, codec.write(message));
  }

  /** Answers a unary call with an error, which is JSON in all codecs. */
  static void answer(ServerResponse response, ConnectException e) {
    retryAfter(response, e);
    response
        .status(e.code().status())
        .header("Content-Type", "application/json")
        .send(Json.write(error(e)));
  }

  private static void retryAfter(ServerResponse response, ConnectException e) {
    if (e.retryAfter() > 0) {
      response.header("Retry-After", Integer.toString(e.retryAfter()));
    }
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
        if (out == null) {
          retryAfter(response, e);
        }
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
