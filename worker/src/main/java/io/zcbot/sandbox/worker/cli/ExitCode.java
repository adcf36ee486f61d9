/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

/** What a command's exit code says; from 64 on as sysexits.h has it. */
public final class ExitCode {
  public static final int OK = 0;

  /**
   * What was asked for did not come to be: an ensure was answered with failed, a removal failed.
   */
  public static final int FAILED = 1;

  public static final int USAGE = 2;

  /** No answer in time; it may still come. */
  public static final int TIMEOUT = 3;

  /** Kafka or the engine is not reached. */
  public static final int UNAVAILABLE = 69;

  /** A fault of this program. */
  public static final int SOFTWARE = 70;

  /** The environment's settings or the topics are not usable. */
  public static final int CONFIG = 78;

  private ExitCode() {}
}
