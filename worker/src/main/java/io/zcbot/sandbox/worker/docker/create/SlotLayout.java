/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.nio.file.Path;

/** Where in a slot the workspace shows that is mounted in the slot's directory later. */
public enum SlotLayout {
  /** At {@code /workspace}, at once. */
  AT_ONCE(ContainerCreation.WORKSPACE),
  /**
   * On gVisor nothing shows that is mounted on a mounted directory, but what is mounted below it
   * does. So the workspace shows elsewhere, from where the slot's entrance mounts it in its place.
   */
  BY_ENTRANCE("/run/zcbot/slot/" + SlotMounts.WORKSPACE);

  private final String shows;

  SlotLayout(String shows) {
    this.shows = shows;
  }

  static SlotLayout of(EngineFacts facts, SandboxSpec spec) {
    return facts.showsOnlyWhatIsMountedBelow(spec) ? BY_ENTRANCE : AT_ONCE;
  }

  /** Where in the container the workspace shows. */
  public String shows() {
    return shows;
  }

  /** The directory that is mounted in the container when it is created. */
  Path source(Path slotDirectory) {
    return this == AT_ONCE ? slotDirectory.resolve(SlotMounts.WORKSPACE) : slotDirectory;
  }

  /** Where in the container that is mounted. */
  String target() {
    return this == AT_ONCE ? shows : shows.substring(0, shows.lastIndexOf('/'));
  }

  /** What init waits to see. */
  String probe() {
    return shows + "/" + SlotMounts.PROBE_NAME;
  }
}
