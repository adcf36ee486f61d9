/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The only place that knows docker-java. */
@NullMarked
package io.zcbot.sandbox.worker.docker;

import org.jspecify.annotations.NullMarked;
