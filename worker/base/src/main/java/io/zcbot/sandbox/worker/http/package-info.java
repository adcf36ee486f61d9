/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** What the HTTP servers of a worker and of the console have in common. */
@NullMarked
package io.zcbot.sandbox.worker.http;

import org.jspecify.annotations.NullMarked;
