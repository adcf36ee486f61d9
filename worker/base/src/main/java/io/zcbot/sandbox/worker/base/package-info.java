/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * What all parts of a worker do with the clock, with threads and with the host's files, and that
 * knows nothing of sandboxes.
 */
@org.jspecify.annotations.NullMarked
package io.zcbot.sandbox.worker.base;
