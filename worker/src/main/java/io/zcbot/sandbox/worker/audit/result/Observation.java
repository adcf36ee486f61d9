/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

/** What the audit tells of as it goes, besides the summary at its end. */
public sealed interface Observation permits AuditedEnsure, Session, Violation {}
