/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.util.LinkedHashMap;
import java.util.Map;

/** The exit codes of commands; those from 64 on as in sysexits.h. */
public final class ExitCode {
  public static final int OK = 0;

  /**
   * The request was not met: an ensure was answered with failed, what was asked for is not there.
   */
  public static final int FAILED = 1;

  public static final int USAGE = 2;

  /** No answer in time; it may still come. */
  public static final int TIMEOUT = 3;

  /** Kafka or the engine can't be reached. */
  public static final int UNAVAILABLE = 69;

  /** A fault of this program. */
  public static final int SOFTWARE = 70;

  /** The environment's settings or the topics can't be used. */
  public static final int CONFIG = 78;

  private ExitCode() {}

  /** For the help, by code. */
  static Map<String, String> meanings() {
    Map<Integer, String> meanings = new LinkedHashMap<>();
    meanings.put(OK, "The command succeeded.");
    meanings.put(
        FAILED,
        "An ensure failed, a part of the work failed, a user has no sandbox, or audit or doctor"
            + " found a fault.");
    meanings.put(USAGE, "The arguments are invalid.");
    meanings.put(TIMEOUT, "No answer arrived in time.");
    meanings.put(UNAVAILABLE, "Kafka or the engine can't be reached.");
    meanings.put(SOFTWARE, "The program failed unexpectedly.");
    meanings.put(CONFIG, "The settings or the topics can't be used.");
    Map<String, String> texts = new LinkedHashMap<>();
    meanings.forEach((code, meaning) -> texts.put(Integer.toString(code), meaning));
    return texts;
  }
}
