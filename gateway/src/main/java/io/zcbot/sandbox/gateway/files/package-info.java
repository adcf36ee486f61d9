/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * What E2B's {@code filesystem.Filesystem} and {@code /files} do with the files of a sandbox, by
 * commands in it. HTTP is none of its business. {@link
 * io.zcbot.sandbox.gateway.files.SandboxFileSystem} is the door.
 *
 * <p>The commands are programs in Python, which the sandbox image has. Each is a resource of this
 * package and an argument of its command, so a sandbox needs nothing installed for them.
 */
@NullMarked
package io.zcbot.sandbox.gateway.files;

import org.jspecify.annotations.NullMarked;
