/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a spec needs on an engine: the image and the network.
 *
 * @param image null if the engine has none of that name
 * @param helper what the host's rules need; null if there are none
 * @param network null if the engine has none of that name
 */
public record SandboxGround(
    @Nullable Image image, @Nullable Helper helper, @Nullable Network network) {
  /**
   * What sets the host's rules.
   *
   * @param image null if the engine has none of that name
   */
  public record Helper(String name, @Nullable Image image) {}

  /**
   * An image.
   *
   * @param isSandbox whether it was built from {@code sandbox-image}
   * @param hasRunner whether it was built from one that runs commands
   * @param fromRegistry whether the engine knows it by a registry's digest
   * @param layers by the digests of what is in them
   */
  public record Image(
      String id, boolean isSandbox, boolean hasRunner, boolean fromRegistry, List<String> layers) {
    public Image {
      layers = List.copyOf(layers);
    }
  }

  /**
   * A network.
   *
   * @param isolates whether containers on it can't reach one another
   */
  public record Network(String driver, boolean isolates) {}
}
