/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

/** Which sandbox image the integration tests use. */
public final class SandboxImage {
  /** {@code ZCBOT_TEST_SANDBOX_IMAGE}, else the one that the scripts in {@code bin/} build. */
  public static final String NAME =
      System.getenv().getOrDefault("ZCBOT_TEST_SANDBOX_IMAGE", "zcbot-sandbox:latest");

  private SandboxImage() {}
}
