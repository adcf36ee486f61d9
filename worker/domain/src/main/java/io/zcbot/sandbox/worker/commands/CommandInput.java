/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import java.util.concurrent.CompletableFuture;

/**
 * Where the inputs of one command go, from the moment its exec is read until the command ended.
 * Thread-safe; no method blocks.
 */
public interface CommandInput {
  /** Of a command that ended: nobody reads its inputs any more. */
  CommandInput ENDED =
      new CommandInput() {
        @Override
        public boolean offer(ReadInput input) {
          return true;
        }

        @Override
        public CompletableFuture<Void> room() {
          return CompletableFuture.completedFuture(null);
        }

        @Override
        public boolean isOpen() {
          return false;
        }

        @Override
        public boolean goesOn() {
          return false;
        }
      };

  /**
   * Takes an input, unless it was forwarded and the command has it already.
   *
   * @return false if there is no room for these bytes, which must be offered again
   */
  boolean offer(ReadInput input);

  /** Completes when refused bytes can be offered again, or need not be. */
  CompletableFuture<Void> room();

  /** Whether the command may read anything, because it has not ended. */
  boolean isOpen();

  /** Whether its standard input goes on, so that it may get more than signals and sizes. */
  boolean goesOn();
}
