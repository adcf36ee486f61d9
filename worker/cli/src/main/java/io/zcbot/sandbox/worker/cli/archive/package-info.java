/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Packs and unpacks archives of files that are copied into and out of sandboxes. Archives that come
 * from a sandbox may be hostile.
 */
@NullMarked
package io.zcbot.sandbox.worker.cli.archive;

import org.jspecify.annotations.NullMarked;
