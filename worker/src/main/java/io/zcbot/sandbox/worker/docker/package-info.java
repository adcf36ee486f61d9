/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The adapter of the Docker Engine. It and the packages below it alone know docker-java. */
@NullMarked
package io.zcbot.sandbox.worker.docker;

import org.jspecify.annotations.NullMarked;
