/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

/**
 * The result of a check.
 *
 * @param check its name, one word
 * @param detail what is there
 * @param fix what to do about it; empty if it is as it should be
 */
public record Finding(String check, Level level, String detail, String fix) {
  /** How much it matters. */
  public enum Level {
    /** As it should be. */
    OK,
    /**
     * Sandboxes work, but their protection is weaker than possible or could not be checked, or
     * commands do not run in them as they could.
     */
    WARN,
    /** A guarantee would not hold. */
    FAIL
  }

  static Finding ok(String check, String detail) {
    return new Finding(check, Level.OK, detail, "");
  }

  static Finding warn(String check, String detail, String fix) {
    return new Finding(check, Level.WARN, detail, fix);
  }

  static Finding fail(String check, String detail, String fix) {
    return new Finding(check, Level.FAIL, detail, fix);
  }
}
