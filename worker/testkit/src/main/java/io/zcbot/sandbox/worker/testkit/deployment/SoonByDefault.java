/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * In all tests, an {@code await()} without a deadline of its own waits as long as {@link
 * Deployment#SOON}; Awaitility's own ten seconds are too few on a busy machine. JUnit finds it in
 * {@code META-INF/services}.
 */
public final class SoonByDefault implements BeforeAllCallback {
  @Override
  public void beforeAll(ExtensionContext context) {
    Awaitility.setDefaultTimeout(Deployment.SOON);
  }
}
