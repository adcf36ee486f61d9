/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The output of a container's first process. */
@NullMarked
package io.zcbot.sandbox.worker.docker.init;

import org.jspecify.annotations.NullMarked;
