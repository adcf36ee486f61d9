/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import org.jspecify.annotations.Nullable;

/**
 * What a spec needs on an engine: the image and the network.
 *
 * @param image null if the engine has none of that name
 * @param network null if the engine has none of that name
 */
public record SandboxGround(@Nullable Image image, @Nullable Network network) {
  /**
   * An image.
   *
   * @param isSandbox whether it was built from {@code sandbox-image}
   * @param hasRunner whether it was built from one that runs commands
   */
  public record Image(String id, boolean isSandbox, boolean hasRunner) {}

  /**
   * A network.
   *
   * @param isolates whether containers on it can't reach one another
   */
  public record Network(String driver, boolean isolates) {}
}
