/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/**
 * The size of a terminal, in characters.
 *
 * @param columns 1 to {@value #MAX}
 * @param rows 1 to {@value #MAX}
 */
public record TerminalSize(int columns, int rows) {
  /** The most columns or rows that a terminal may have. */
  public static final int MAX = 10_000;

  /**
   * Checks the size.
   *
   * @throws IllegalArgumentException if {@code columns} or {@code rows} is out of range
   */
  public TerminalSize {
    if (columns < 1 || columns > MAX || rows < 1 || rows > MAX) {
      throw new IllegalArgumentException("a terminal of " + columns + " × " + rows);
    }
  }
}
