/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** What an audit reports: ensures, sessions, violations and, at the end, a summary. */
@NullMarked
package io.zcbot.sandbox.worker.audit.result;

import org.jspecify.annotations.NullMarked;
