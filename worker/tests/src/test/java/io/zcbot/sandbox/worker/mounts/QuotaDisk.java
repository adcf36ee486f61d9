/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The file systems that have project quotas. */
enum QuotaDisk {
  XFS("/dev/ubda", "320M", "mkfs.xfs", "-q"), // it refuses to be smaller than 300 MiB
  EXT4("/dev/ubdb", "160M", "mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota");

  private final String device;
  private final String size;
  private final List<String> format;

  QuotaDisk(String deviceInGuest, String size, String... format) {
    this.device = deviceInGuest;
    this.size = size;
    this.format = List.of(format);
  }

  /** Makes a disk in a sparse file. */
  Path make(Path directory) throws IOException, InterruptedException {
    String file = directory.resolve(this + ".img").toString();
    Commands.run("truncate", "-s", size, file);
    List<String> command = new ArrayList<>(format);
    command.add(file);
    Commands.run(command.toArray(String[]::new));
    return Path.of(file);
  }

  /** Mounts the disk, in the guest. */
  void mount(Path point, String options) throws IOException, InterruptedException {
    Commands.run("mount", "-t", toString(), "-o", options, device, point.toString());
  }

  @Override
  public String toString() {
    return this == XFS ? "xfs" : "ext4";
  }
}
