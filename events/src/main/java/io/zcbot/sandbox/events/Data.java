/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Bytes that a command reads or writes; compared by value. Nothing changes them. */
public final class Data {
  /** No bytes. */
  public static final Data EMPTY = new Data(new byte[0]);

  private final byte[] bytes;

  private Data(byte[] bytes) {
    this.bytes = bytes;
  }

  /** A copy of an array. */
  public static Data of(byte[] bytes) {
    return bytes.length == 0 ? EMPTY : new Data(bytes.clone());
  }

  /**
   * A copy of a part of an array.
   *
   * @param from index of the first byte
   * @param length how many bytes
   * @throws IndexOutOfBoundsException if the array has no such part
   */
  public static Data of(byte[] bytes, int from, int length) {
    return length == 0 ? EMPTY : new Data(Arrays.copyOfRange(bytes, from, from + length));
  }

  /** A text, in UTF-8. */
  public static Data of(String text) {
    return text.isEmpty() ? EMPTY : new Data(text.getBytes(StandardCharsets.UTF_8));
  }

  /** How many bytes they are. */
  public int length() {
    return bytes.length;
  }

  /** A copy of the bytes. */
  public byte[] toByteArray() {
    return bytes.clone();
  }

  /** The bytes themselves: for reading only, within this package. */
  byte[] array() {
    return bytes;
  }

  /** For reading only. */
  public ByteBuffer toByteBuffer() {
    return ByteBuffer.wrap(bytes).asReadOnlyBuffer();
  }

  /** The bytes as text; null if they are not UTF-8. */
  public @Nullable String text() {
    return Utf8.decode(bytes);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Data data && Arrays.equals(bytes, data.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  /** How many bytes they are; what they are is nobody's business but the user's. */
  @Override
  public String toString() {
    return bytes.length + " bytes";
  }
}
