/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.util.LinkedHashMap;
import java.util.Map;

/** The exit codes of this program; those from 64 to 78 are from sysexits.h. */
public final class ExitCode {
  public static final int OK = 0;

  /**
   * The request was not met, for example an ensure was answered failed, or the user has no sandbox.
   */
  public static final int FAILED = 1;

  public static final int USAGE = 2;

  /** No answer came in time; it may still come. */
  public static final int TIMEOUT = 3;

  /** A command did not run and may run if it is tried again. */
  public static final int RETRY = 75;

  /** It is unknown how a command ended, or its sandbox ended while it ran. It may have run. */
  public static final int UNKNOWN_END = 122;

  /** A command succeeded, but a part of its output was cut off. */
  public static final int OUTPUT_CUT = 123;

  /** A command exceeded its time-out; as of timeout(1). */
  public static final int TIMED_OUT = 124;

  /** A command did not run; as of docker(1). */
  public static final int NOT_RUN = 125;

  /** The program of a command can't be executed; as of shells. */
  public static final int NOT_EXECUTABLE = 126;

  /** There is no such program; as of shells. */
  public static final int NOT_FOUND = 127;

  private static final int SIGNAL = 128;

  /** Kafka or the engine can't be reached. */
  public static final int UNAVAILABLE = 69;

  /** An unexpected failure of this program. */
  public static final int SOFTWARE = 70;

  /** The settings or the topics can't be used. */
  public static final int CONFIG = 78;

  private ExitCode() {}

  /** The exit code of a program that a signal ended, as shells define it. */
  static int ofSignal(int number) {
    return SIGNAL + number;
  }

  /** The meanings in the help of {@code exec}, which passes the command's own code on. */
  static Map<String, String> meaningsForCommands() {
    Map<String, String> meanings = new LinkedHashMap<>();
    meanings.put("0-255", "The command's own, or as below.");
    meanings.put(Integer.toString(USAGE), "The arguments are invalid.");
    meanings.put(Integer.toString(UNAVAILABLE), "Kafka can't be reached.");
    meanings.put(Integer.toString(RETRY), "The command did not run. It may if it is tried again.");
    meanings.put(Integer.toString(CONFIG), "The settings or the topics can't be used.");
    meanings.put(
        Integer.toString(UNKNOWN_END),
        "Nobody knows how the command ended: no answer came, Kafka failed after the exec was sent,"
            + " its worker or the connection to its sandbox was lost, or its sandbox ended. It may"
            + " have run.");
    meanings.put(
        Integer.toString(OUTPUT_CUT),
        "The command's own code is 0, but its output was longer than --max-output and was cut"
            + " off.");
    meanings.put(Integer.toString(TIMED_OUT), "The command ran into its time-out and was killed.");
    meanings.put(Integer.toString(NOT_RUN), "The command did not run.");
    meanings.put(Integer.toString(NOT_EXECUTABLE), "The program can't be executed.");
    meanings.put(Integer.toString(NOT_FOUND), "There is no such program.");
    meanings.put("128+N", "Signal N ended the command.");
    return meanings;
  }

  /** The meanings in the help of all other commands, by code. */
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
    meanings.put(RETRY, "A command did not run, and may if it is tried again.");
    meanings.put(CONFIG, "The settings or the topics can't be used.");
    Map<String, String> texts = new LinkedHashMap<>();
    meanings.forEach((code, meaning) -> texts.put(Integer.toString(code), meaning));
    return texts;
  }
}
