/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

/** A result that the audit reports while it runs; the summary follows at its end. */
public sealed interface Observation permits AuditedCommand, AuditedEnsure, Session, Violation {}
