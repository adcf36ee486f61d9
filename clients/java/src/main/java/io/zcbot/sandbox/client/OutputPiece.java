/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.OutputStreamName;

/**
 * A piece of a command's output as the command wrote it. It can end anywhere, even within a
 * character. Output is untrusted: do not print it on a terminal without escaping it.
 *
 * @param stream the stream to which the command wrote; a terminal has only {@code STDOUT}
 * @param bytes what it wrote; they belong to whoever gets the piece
 */
@SuppressWarnings("ArrayRecordComponent") // it is passed on, and never compared
public record OutputPiece(OutputStreamName stream, byte[] bytes) {}
