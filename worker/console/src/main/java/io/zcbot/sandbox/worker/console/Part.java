/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

/**
 * A part of the data for a page.
 *
 * @param version the version up to which the page then knows the rows
 * @param latest the version up to which it then knows what is gone
 */
record Part(String json, long version, long latest) {
  /** Whether this is everything that is new. */
  boolean isWhole() {
    return version == latest;
  }
}
