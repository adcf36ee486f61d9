/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import io.zcbot.sandbox.client.Sandbox;

/**
 * Whose sandbox a message is about.
 *
 * @param sandbox the sandbox, which need not exist
 * @param ensure makes the sandbox if there is none
 * @param session tells requests of one client from those of others with the same ids
 */
record McpCaller(Sandbox sandbox, Ensure ensure, String session) {
  /** Makes a sandbox. */
  @FunctionalInterface
  interface Ensure {
    void ensure() throws InterruptedException;
  }
}
