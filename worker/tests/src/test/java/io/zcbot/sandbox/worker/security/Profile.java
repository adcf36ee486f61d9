/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.ForeignImage;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/**
 * A way of making sandboxes. Every attack is tried on each, on some only by {@code bin/test --all}.
 */
enum Profile {
  /** The default: rules on the sandboxes' bridge, no root inside. */
  RUNC_HOST("runc, host firewall", "runc, `host`", FirewallMode.HOST, false, null),
  /** The engine's default runtime; init sets the firewall inside. */
  RUNC_CONTAINER(
      "runc, container firewall", "runc, `container`", FirewallMode.CONTAINER, false, null),
  /** The default, made from warm slots. */
  RUNC_CLAIMED("runc, claimed", "runc, claimed", FirewallMode.HOST, true, null),
  /** An image that has nothing of ours: the worker mounts runner and init. */
  ANY_IMAGE("runc, any image", "runc, any image", FirewallMode.HOST, false, null),
  /** A kernel other than the host's, on an engine that has one. */
  GVISOR("gVisor", "gVisor", FirewallMode.HOST, false, GvisorEngine.RUNTIME),
  /** The same, made from warm slots. */
  GVISOR_CLAIMED(
      "gVisor, claimed", "gVisor, claimed", FirewallMode.HOST, true, GvisorEngine.RUNTIME);

  private final String title;
  private final String column;
  private final FirewallMode firewall;
  private final boolean claimed;
  private final @Nullable String runtime;

  /**
   * Describes one.
   *
   * @param title in the printed table
   * @param column in the document's table
   * @param claimed whether sandboxes are made of warm slots
   * @param runtime one that answers system calls itself; null for the engine's default
   */
  Profile(
      String title,
      String column,
      FirewallMode firewall,
      boolean claimed,
      @Nullable String runtime) {
    this.title = title;
    this.column = column;
    this.firewall = firewall;
    this.claimed = claimed;
    this.runtime = runtime;
  }

  String title() {
    return title;
  }

  String column() {
    return column;
  }

  /** The image of its sandboxes. */
  String image() {
    if (this != ANY_IMAGE) {
      return SandboxImage.NAME;
    }
    try {
      return ForeignImage.ATTACKS.made();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while making an image", e);
    }
  }

  SandboxSpec apply(SandboxSpec spec) {
    return new SandboxSpec(
        image(), runtime, spec.limits(), spec.network(), EngineFixture.policy(firewall));
  }

  /** Whether the first process is root, with NET_ADMIN. */
  boolean rootInside() {
    return firewall != FirewallMode.HOST;
  }

  boolean claimed() {
    return claimed;
  }

  /** Whether the runtime answers system calls itself. */
  boolean ownKernel() {
    return runtime != null;
  }

  @Override
  public String toString() {
    return title;
  }
}
