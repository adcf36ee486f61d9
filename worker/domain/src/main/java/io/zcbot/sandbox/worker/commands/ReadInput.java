/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import org.jspecify.annotations.Nullable;

/**
 * An input as it was read.
 *
 * @param forwardedFrom the original position of its record; null if it was not forwarded
 */
public record ReadInput(Input input, @Nullable Origin forwardedFrom) {
  public CommandKey key() {
    return CommandKey.of(input);
  }

  Input.Content content() {
    return input.content();
  }

  /** Whether it is part of standard input, whose order matters, and not a signal or a size. */
  public boolean isOfStream() {
    return switch (input.content()) {
      case Input.Content.Bytes _, Input.Content.End _ -> true;
      case Input.Content.Signal _, Input.Content.Resize _ -> false;
    };
  }
}
