/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Messages of streams of the Connect protocol. */
final class Frames {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Frames() {}

  static byte[] of(String message) {
    byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(5 + bytes.length)
        .put((byte) 0)
        .putInt(bytes.length)
        .put(bytes)
        .array();
  }

  /** Reads a message; throws {@link EOFException} behind the last one. */
  static JsonNode next(InputStream in) throws IOException {
    DataInputStream data = new DataInputStream(in);
    int _ = data.readUnsignedByte();
    byte[] bytes = new byte[data.readInt()];
    data.readFully(bytes);
    return JSON.readTree(bytes);
  }

  static List<JsonNode> rest(InputStream in) throws IOException {
    List<JsonNode> rest = new ArrayList<>();
    while (true) {
      try {
        rest.add(next(in));
      } catch (EOFException e) {
        return rest;
      }
    }
  }
}
