/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** The stream to which a command writes. With a terminal, all output is standard output. */
public enum OutputStreamName implements WireName {
  /** Standard output. */
  STDOUT,
  /** Standard error. */
  STDERR
}
