/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The worker's settings, read from the environment once and validated as a whole. */
@NullMarked
package io.zcbot.sandbox.worker.config;

import org.jspecify.annotations.NullMarked;
