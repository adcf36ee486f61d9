/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Creates and starts sandboxes and slots. */
@NullMarked
package io.zcbot.sandbox.worker.docker.create;

import org.jspecify.annotations.NullMarked;
