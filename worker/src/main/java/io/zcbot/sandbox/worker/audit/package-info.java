/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Replays the topics: folds them into histories of users and checks what the log can prove. Pure
 * but for the sources; touches no engine, joins no group, commits nothing (I10).
 */
@NullMarked
package io.zcbot.sandbox.worker.audit;

import org.jspecify.annotations.NullMarked;
