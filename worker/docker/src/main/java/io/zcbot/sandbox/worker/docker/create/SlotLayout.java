/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.nio.file.Path;

/**
 * How a workspace that is mounted in a slot's directory later reaches {@code /workspace} in the
 * container. Depends on the runtime.
 */
public enum SlotLayout {
  /** The mount propagates to {@code /workspace} by itself. */
  AT_ONCE(ContainerCreation.WORKSPACE),
  /**
   * On gVisor, a later mount on the mounted directory itself does not show in the container, but
   * one below it does. So the workspace shows at another path, and the slot's entrance, a process
   * in the container, mounts it at {@code /workspace}.
   */
  BY_ENTRANCE("/run/zcbot/slot/" + SlotMounts.WORKSPACE);

  private final String shows;

  SlotLayout(String shows) {
    this.shows = shows;
  }

  static SlotLayout of(EngineFacts facts, SandboxSpec spec) {
    return facts.showsOnlyWhatIsMountedBelow(spec) ? BY_ENTRANCE : AT_ONCE;
  }

  /** The path in the container at which the mounted workspace becomes visible. */
  public String shows() {
    return shows;
  }

  /** The directory that is mounted in the container when it is created. */
  Path source(Path slotDirectory) {
    return this == AT_ONCE ? slotDirectory.resolve(SlotMounts.WORKSPACE) : slotDirectory;
  }

  /** The path in the container at which {@link #source} is mounted. */
  String target() {
    return this == AT_ONCE ? shows : shows.substring(0, shows.lastIndexOf('/'));
  }

  /** The path in the container of the probe file for which init waits. */
  String probe() {
    return shows + "/" + SlotMounts.PROBE_NAME;
  }
}
