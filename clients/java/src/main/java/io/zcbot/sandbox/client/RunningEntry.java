/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Exec;
import java.time.Instant;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A command that runs in a user's sandbox, or is about to be started, whoever has requested it.
 *
 * @param execId the {@code event_id} of its exec
 * @param startedAt when it was started
 * @param exec the request, with the command's program, variables and directory; null if the log no
 *     longer has it, or the requests of all the user's commands take more than 16 MiB
 * @param pid its process id, as its sandbox sees it; empty if its exec did not ask for that ({@link
 *     Command#announceStart}), it is about to be started, or the log no longer has it
 */
public record RunningEntry(
    String execId, Instant startedAt, @Nullable Exec exec, OptionalInt pid) {}
