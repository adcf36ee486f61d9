/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

/**
 * A part of what a page is sent.
 *
 * @param version up to which the page knows the rows then
 * @param latest the version up to which it knows what is gone
 */
record Part(String json, long version, long latest) {
  /** Whether nothing more is new. */
  boolean isWhole() {
    return version == latest;
  }
}
