/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The state of what a spec needs on an engine.
 *
 * @param image null if the engine does not have it
 * @param helper what the host's rules need; null if the spec has none
 * @param network null if the engine does not have it
 */
public record SandboxGround(
    @Nullable Image image, @Nullable Helper helper, @Nullable Network network) {
  /**
   * The helper image that sets the host's rules.
   *
   * @param image null if the engine does not have it
   */
  public record Helper(String name, @Nullable Image image) {}

  /**
   * An image on the engine.
   *
   * @param isSandbox whether it was built from {@code sandbox-image}
   * @param hasRunner whether it has a runner and can run commands
   * @param fromRegistry whether the engine knows a registry's digest for it
   * @param layers digests of its layers
   */
  public record Image(
      String id, boolean isSandbox, boolean hasRunner, boolean fromRegistry, List<String> layers) {
    public Image {
      layers = List.copyOf(layers);
    }
  }

  /**
   * A network on the engine.
   *
   * @param isolates whether containers on it can't reach one another
   */
  public record Network(String driver, boolean isolates) {}
}
