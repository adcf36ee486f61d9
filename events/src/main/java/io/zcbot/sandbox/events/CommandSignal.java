/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** A signal that a command can be sent. Its name is that of the signal without {@code SIG}. */
public enum CommandSignal {
  INT(2),
  TERM(15),
  KILL(9),
  HUP(1);

  private final int number;

  CommandSignal(int number) {
    this.number = number;
  }

  /** The signal's number on Linux. */
  public int number() {
    return number;
  }
}
