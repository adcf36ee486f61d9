/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * What a measurement is given.
 *
 * @param rounds how often it repeats
 * @param directory to work in
 * @param id the run's own, part of every name on the engine
 * @param chart where the picture goes
 * @param root of the repository
 * @param worker as it is packaged
 */
record Setting(
    Kafka kafka,
    int rounds,
    Path directory,
    String id,
    Path chart,
    Path root,
    PackagedWorker worker) {
  /** A workspace root, as the worker wants it. */
  Path workspaces(String name) throws IOException {
    return Files.createDirectories(
        directory.resolve("workspaces-" + name),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
  }

  /** A workspace root with the users' workspaces, as the worker makes them. */
  Path workspaces(String name, List<UserId> users) throws IOException {
    Path root = workspaces(name);
    for (UserId user : users) {
      Path workspace = Files.createDirectory(root.resolve(user.toString()));
      Files.setPosixFilePermissions(workspace, PosixFilePermissions.fromString("rwx------"));
      Files.setAttribute(workspace, "unix:uid", 1000);
    }
    return root;
  }

  /** The run's own network on the engine. */
  String network() {
    return "zcbot-" + id;
  }

  static void say(String format, Object... arguments) {
    System.err.printf("    " + format + "%n", arguments);
  }
}
