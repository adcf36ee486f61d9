/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** Where a command writes. With a terminal, all of it is standard output. */
public enum OutputStreamName implements WireName {
  /** Standard output. */
  STDOUT,
  /** Standard error. */
  STDERR
}
