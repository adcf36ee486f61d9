/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.gateway.e2b.Brokers;
import java.util.function.LongPredicate;

/**
 * Whose sandbox a message is about.
 *
 * @param sandbox the sandbox, which need not exist
 * @param life makes and ends the sandbox
 * @param session tells requests of one client from those of others with the same ids
 * @param room makes room for so many bytes of the answer until it is sent; false if there is none
 */
record McpCaller(Sandbox sandbox, Life life, String session, LongPredicate room) {
  /** Makes and ends a sandbox. */
  interface Life {
    /**
     * Makes the sandbox if there is none.
     *
     * @param isGone whether it was just found that there is none
     */
    void ensure(boolean isGone) throws InterruptedException;

    /** Does something that runs commands in the sandbox, as long as brokers answer. */
    default <T, E extends Exception> T use(Brokers.Use<T, E> use) throws E, InterruptedException {
      return use.get();
    }

    /** Ends the sandbox. Returns whether there was one. */
    boolean stop() throws InterruptedException;
  }
}
