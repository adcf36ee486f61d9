/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The warm pool: containers that wait for their users, and how one becomes a user's sandbox. */
@NullMarked
package io.zcbot.sandbox.worker.pool;

import org.jspecify.annotations.NullMarked;
