/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** A signal that a command can be sent. Its name is that of the signal without {@code SIG}. */
public enum CommandSignal {
  /** Interrupt, as Control-C sends it. */
  INT(2),
  /** A request to end, which a program can handle. */
  TERM(15),
  /** The end, which no program can handle. */
  KILL(9),
  /** The terminal is gone. */
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
