/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Bind mounts and quotas on the engine's host, by system calls. The only package that uses the
 * kernel directly.
 */
@NullMarked
package io.zcbot.sandbox.worker.mounts;

import org.jspecify.annotations.NullMarked;
