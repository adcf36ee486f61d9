/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Bytes that a command reads or writes. Instances are immutable, safe for concurrent use, and
 * compared by value.
 */
public final class Data {
  /** No bytes. */
  public static final Data EMPTY = new Data(new byte[0]);

  private final byte[] bytes;

  private Data(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Returns a copy of an array. */
  public static Data of(byte[] bytes) {
    return bytes.length == 0 ? EMPTY : new Data(bytes.clone());
  }

  /**
   * Returns a copy of a part of an array.
   *
   * @param from index of the first byte
   * @param length number of bytes
   * @throws IndexOutOfBoundsException if the part is not within the array
   */
  public static Data of(byte[] bytes, int from, int length) {
    Objects.checkFromIndexSize(from, length, bytes.length);
    return length == 0 ? EMPTY : new Data(Arrays.copyOfRange(bytes, from, from + length));
  }

  /** Returns a text in UTF-8. Unpaired surrogates are replaced. */
  public static Data of(String text) {
    return text.isEmpty() ? EMPTY : new Data(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Returns the number of bytes. */
  public int length() {
    return bytes.length;
  }

  /** Returns a copy of the bytes. */
  public byte[] toByteArray() {
    return bytes.clone();
  }

  /** Returns the bytes without a copy, for reading only and only within this package. */
  byte[] array() {
    return bytes;
  }

  /** Returns a read-only view of the bytes, without a copy. */
  public ByteBuffer toByteBuffer() {
    return ByteBuffer.wrap(bytes).asReadOnlyBuffer();
  }

  /** Returns the bytes as text, or null if they are not well-formed UTF-8. */
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

  /** Returns the number of bytes only: logs must not show what commands read and write. */
  @Override
  public String toString() {
    return bytes.length + " bytes";
  }
}
