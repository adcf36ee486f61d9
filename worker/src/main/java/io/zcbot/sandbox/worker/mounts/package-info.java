/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Bind mounts and quotas on the engine's host, made by system calls. The only place that knows the
 * kernel.
 */
@NullMarked
package io.zcbot.sandbox.worker.mounts;

import org.jspecify.annotations.NullMarked;
