/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/**
 * A signal that can be sent to a command. The constants have the signals' names without {@code
 * SIG}.
 */
public enum CommandSignal {
  /** Interrupts the command, as Ctrl-C does. */
  INT(2),
  /** Asks the command to end; a program can handle it. */
  TERM(15),
  /** Ends the command; no program can handle it. */
  KILL(9),
  /** Tells the command that its terminal was closed. */
  HUP(1);

  private final int number;

  CommandSignal(int number) {
    this.number = number;
  }

  /** Returns the signal's number on Linux. */
  public int number() {
    return number;
  }
}
