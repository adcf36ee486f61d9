/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** What a container's first process says. */
@NullMarked
package io.zcbot.sandbox.worker.docker.init;

import org.jspecify.annotations.NullMarked;
