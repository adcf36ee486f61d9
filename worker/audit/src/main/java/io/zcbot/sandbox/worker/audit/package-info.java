/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Replays the topics and checks what the log can prove. {@link Replay} reads records from {@link
 * io.zcbot.sandbox.worker.audit.log}; {@link Fold} turns them into one {@link UserHistory} per
 * user, which judges ensures and sessions; what it observes is in {@link
 * io.zcbot.sandbox.worker.audit.result}. Nothing here uses an engine, joins a group or commits
 * (I10).
 */
@NullMarked
package io.zcbot.sandbox.worker.audit;

import org.jspecify.annotations.NullMarked;
