/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** A record is not a valid event. The message names the field and says how to fix it. */
public final class EventFormatException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String field;

  EventFormatException(String field, String problem) {
    super(field + ": " + problem, null, false, false);
    this.field = field;
  }

  /** The invalid field; {@code key} or {@code value} if the record as a whole is invalid. */
  public String field() {
    return field;
  }

  /** The message; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
