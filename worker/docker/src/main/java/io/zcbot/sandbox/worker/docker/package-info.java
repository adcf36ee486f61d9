/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The adapter of the Docker Engine. Only this package and those below it use docker-java. */
@NullMarked
package io.zcbot.sandbox.worker.docker;

import org.jspecify.annotations.NullMarked;
