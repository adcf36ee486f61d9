/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Bind mounts and quotas on the engine's host, by system calls. No other package makes system
 * calls.
 */
@NullMarked
package io.zcbot.sandbox.worker.mounts;

import org.jspecify.annotations.NullMarked;
