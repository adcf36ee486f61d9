/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/**
 * Thrown when a record is not a valid event. The message names the field and says how to fix it.
 */
public final class EventFormatException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String field;

  /**
   * Creates an exception.
   *
   * @param field the field or header that is invalid
   * @param problem what is wrong with it and how to fix it
   */
  public EventFormatException(String field, String problem) {
    super(field + ": " + problem, null, false, false);
    this.field = field;
  }

  /**
   * Returns the name of the invalid field or header; {@code key} or {@code value} if the record's
   * key or its value as a whole is invalid.
   */
  public String field() {
    return field;
  }

  /** Returns the message; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
