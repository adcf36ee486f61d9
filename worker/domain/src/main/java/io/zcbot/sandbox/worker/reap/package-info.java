/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Ends sandboxes: idle, evicted, dead, moved, lost with their host, or left by a previous run. */
@NullMarked
package io.zcbot.sandbox.worker.reap;

import org.jspecify.annotations.NullMarked;
