/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The steps of a start before it serves: one process per worker id, checks, recovery, retries. */
@NullMarked
package io.zcbot.sandbox.worker.startup;

import org.jspecify.annotations.NullMarked;
