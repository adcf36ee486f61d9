/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

/** A measurement. */
@FunctionalInterface
interface Experiment {
  void run(Setting setting, Report report) throws Exception;
}
