/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * A control group for sandboxes, which an engine creates with the first one. Close it when they are
 * gone: engines that make groups themselves leave it behind, one for each controller.
 */
final class ParentGroup implements AutoCloseable {
  private static final Path MOUNTED = Path.of("/sys/fs/cgroup");

  final String name;

  /** The value of the setting. */
  final String setting;

  /**
   * Of an engine on this host.
   *
   * @param name letters only, since systemd understands dashes in another way
   */
  ParentGroup(EngineFacts engine, String name) {
    this.name = name;
    this.setting = engine.cgroups().driver().equals("systemd") ? name + ".slice" : "/" + name;
  }

  @Override
  public void close() throws IOException {
    try (Stream<Path> controllers = Files.list(MOUNTED)) {
      for (Path controller : controllers.filter(Files::isDirectory).toList()) {
        Files.deleteIfExists(controller.resolve(name));
      }
    }
    Files.deleteIfExists(MOUNTED.resolve(name));
  }
}
