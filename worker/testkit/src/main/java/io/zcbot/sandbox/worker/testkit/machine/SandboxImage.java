/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

/** Which images the integration tests use. */
public final class SandboxImage {
  /** {@code ZCBOT_TEST_SANDBOX_IMAGE}, else the one that the scripts in {@code bin/} build. */
  public static final String NAME =
      System.getenv().getOrDefault("ZCBOT_TEST_SANDBOX_IMAGE", "zcbot-sandbox:latest");

  /** {@code ZCBOT_TEST_EGRESS_IMAGE}, else the proxy's that the scripts in {@code bin/} build. */
  public static final String EGRESS =
      System.getenv().getOrDefault("ZCBOT_TEST_EGRESS_IMAGE", "zcbot-egress:latest");

  /** {@code ZCBOT_TEST_FIREWALL_IMAGE}, else the firewall's that these scripts build. */
  public static final String FIREWALL =
      System.getenv().getOrDefault("ZCBOT_TEST_FIREWALL_IMAGE", "zcbot-firewall:latest");

  private SandboxImage() {}
}
