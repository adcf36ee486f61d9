/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** Archives of files that are copied into and out of sandboxes. What a sandbox packs is hostile. */
@NullMarked
package io.zcbot.sandbox.worker.cli.archive;

import org.jspecify.annotations.NullMarked;
