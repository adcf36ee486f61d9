/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import org.jspecify.annotations.Nullable;

/** The options that every command has. */
interface GlobalOptions {
  boolean isVerbose();

  /** The brokers to connect to first, instead of those of the settings; null if not given. */
  default @Nullable String bootstrapServers() {
    return null;
  }
}
