/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Python code that runs in a sandbox and keeps its variables between calls. A Jupyter kernel does
 * it, which belongs to a keeper: a program of this package that a command starts in the sandbox and
 * leaves in the background, where it listens at a Unix socket. Each call is a command that connects
 * to it, so that any gateway can make it. {@link io.zcbot.sandbox.gateway.interpreter.Interpreter}
 * is the door.
 *
 * <p>The keeper is not a command that lasts, since that would take one of those that may run at the
 * same time, and end at the workers' limit for commands. It is killed as whatever a command leaves
 * in the background is: with the sandbox, when a worker takes the sandbox over, and when the
 * sandbox has too many processes. The next call starts another one.
 */
@NullMarked
package io.zcbot.sandbox.gateway.interpreter;

import org.jspecify.annotations.NullMarked;
