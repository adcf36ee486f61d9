/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;

/**
 * What only {@code bin/test --all} and {@code bin/security} run: it takes much of the machine and
 * shows again, in another way or on a larger scale, what a test of every run shows.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@EnabledIfEnvironmentVariable(
    named = "ZCBOT_TEST_ALL",
    matches = "yes",
    disabledReason = InFullRuns.REASON)
public @interface InFullRuns {
  String REASON = "only bin/test --all runs it";

  /** Whether this run is one. */
  boolean THIS_ONE = "yes".equals(System.getenv("ZCBOT_TEST_ALL"));

  /** What every run has of it, or why it is rarely needed. */
  String value();
}
