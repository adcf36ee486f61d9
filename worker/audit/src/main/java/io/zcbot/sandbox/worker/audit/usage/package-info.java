/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Adds up what users used, from the sessions and commands that the audit reports. */
@NullMarked
package io.zcbot.sandbox.worker.audit.usage;

import org.jspecify.annotations.NullMarked;
