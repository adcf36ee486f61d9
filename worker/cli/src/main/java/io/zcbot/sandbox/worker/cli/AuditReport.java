/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Summary;

/** Prints the results of an audit while it runs. Called by one thread. */
interface AuditReport {
  void found(Observation finding);

  void end(Summary summary);
}
