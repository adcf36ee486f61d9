/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** What the worker needs of a container engine: the port, its values and its failures. */
@NullMarked
package io.zcbot.sandbox.worker.engine;

import org.jspecify.annotations.NullMarked;
