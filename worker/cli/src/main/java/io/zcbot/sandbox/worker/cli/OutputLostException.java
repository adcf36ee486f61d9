/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

/**
 * Ends a command whose output can't be written, such as into a pipe that is closed. {@link Cli}
 * tells of it.
 */
final class OutputLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;
}
