/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.nio.file.Path;

/** The result of an ensure: a sandbox, or a refusal. */
sealed interface Result permits Result.Served, Admission.Refused {
  /** The user has a sandbox. */
  record Served(Sandbox sandbox, Ready.Outcome outcome, Path workspace) implements Result {}
}
